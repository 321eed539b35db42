"""Marks: what a line of a dataset says of itself beside its messages, and what knows an example's line again.

`variant_of` names the row that a line says in other words, `variant` how it came about (`tracegen variants`), and `search` is
false where nothing is to be searched for. Targets do not write them, since trainers refuse fields that they do not know; the
run file has them.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tracegen.jsonl import Line
from tracegen.records import Row, content_digest
from tracegen.traces.chat import read_text
from tracegen.traces.runfile import RunFile

_FIELDS = ("variant_of", "variant", "search")
_ROW_ID = re.compile(r"([0-9a-f]{16})-\d+")


def key_of(messages: Iterable[Any]) -> str:
    """Return the digest of messages without their trace; it is the first part of the id of the row that they are."""
    kept = []
    for message in messages:
        fields = message if isinstance(message, dict) else {}
        if fields.get("role") != "tool" and not fields.get("tool_calls"):
            set_fields = {name: value for name, value in fields.items() if value is not None}
            kept.append(set_fields | {"content": read_text(fields.get("content"))})
    return content_digest(kept)


def keys_of(row: Row) -> Iterator[str]:
    """Yield the keys that a row's line may have: in its dataset, and as an example of one of the targets."""
    messages = [message.model_dump() for message in row.messages]
    yield key_of(messages)
    # No target has the role `developer`.
    yield key_of([message | {"role": "system"} if message["role"] == "developer" else message for message in messages])


def family_of(variant_of: Any) -> str | None:
    """Return the family that the field `variant_of` of a row names, or None where it names none."""
    if not isinstance(variant_of, str):
        return None
    found = _ROW_ID.fullmatch(variant_of)
    return found[1] if found else variant_of


def marks_in(line: str) -> dict[str, Any]:
    """Return the marks that a line of a dataset, a JSON object, has."""
    value = json.loads(line)
    return {name: value[name] for name in _FIELDS if name in value}


def marks_of(run: RunFile) -> dict[str, dict[str, Any]]:
    """Return the marks of the rows of a run that have any, by key."""
    query = """SELECT rows.row, input.raw FROM input JOIN rows ON rows.id = input.row_id
               WHERE instr(input.raw, '"variant') OR instr(input.raw, '"search"') ORDER BY input.line"""
    found: dict[str, dict[str, Any]] = {}
    for row, raw in run.fetch(query):
        if marks := marks_in(raw):
            found.update(dict.fromkeys(keys_of(Row.model_validate_json(row)), marks))
    return found


def marked(lines: Iterable[Line], marks: Mapping[str, dict[str, Any]]) -> Iterator[Line]:
    """Yield the lines of a file of examples with the marks of their rows, by key; what the file says itself stays."""
    for line in lines:
        value = line.value
        if not marks or not isinstance(value, dict) or not isinstance(value.get("messages"), list):
            yield line
        else:
            yield line._replace(value=marks.get(key_of(value["messages"]), {}) | value)
