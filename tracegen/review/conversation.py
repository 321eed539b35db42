"""One row as a conversation that a person can read, with what is trained on marked; what is printed, without printing it."""

from collections.abc import Iterable, Mapping
from typing import Any

import click

from tracegen.findings import check_chat
from tracegen.records import Finding, Source
from tracegen.review.terminal import finding_lines
from tracegen.review.text import clip, columns, json_page, layout, wrap
from tracegen.traces.below import findings_of
from tracegen.traces.chat import (
    Call,
    Chat,
    Passage,
    Return,
    Turn,
    compact,
    estimate_tokens,
    quoted,
    read_chat,
    split_passages,
    visible,
)
from tracegen.traces.ratings import TOP, Rating
from tracegen.wording import counted

TRAINED, CONTEXT = "▌ ", "  "
"""The margin of messages that are trained on, and of all others."""
INDENT = "   "
"""What stands before the text of a message, so that it begins below its role."""
PASSAGE_LINES = 6
"""Lines shown of a passage, unless all are asked for."""
SHOWN_FINDINGS = 20
"""Findings told one by one."""
KNOWN_FIELDS = {"role", "content", "tool_calls", "tool_call_id", "name", "weight"}

Sources = Mapping[str, tuple[Source, ...]]


def render_row(
    row: Any,
    *,
    name: str,
    line: int,
    width: int = 80,
    full: bool = False,
    sources: Sources | None = None,
    rating: Rating | None = None,
    least: float = TOP,
) -> str:
    """Return one row as text: what it is, its findings, then message by message.

    Any JSON value is a row. `sources` are the passages of returns by `tool_call_id`, where a run file has them: their chunk ids
    and scores are shown. `full` shows returns whole. `rating` is the row's support, where a run file has it; below
    `least` it is told among the findings.
    """
    chat = read_chat(row)
    returns = {answer.turn.number: answer for answer in chat.returns}
    blocks = [_head(chat, name, line, width), _findings(chat, width, findings_of(rating, least) if rating else [])]
    if rating is not None:
        blocks.append(_support(rating, width))
    if chat.turns:
        blocks.append(_legend(width))
    else:
        blocks.append(["The row as it stands:", *layout(json_page(row, "(nested too deeply)"), width)])
    for turn in chat.turns:
        margin = TRAINED if is_trained(turn) else CONTEXT
        body = _body(turn, returns.get(turn.number), width - len(margin) - len(INDENT), full, sources or {})
        title = _title(turn, returns.get(turn.number), chat, width - len(margin))
        blocks.append(_in_margin([title, *(INDENT + text if text else "" for text in body)], margin))
    return "\n\n".join("\n".join(block) for block in blocks)


def is_trained(turn: Turn) -> bool:
    """Say whether the message is trained on: an assistant message whose `weight` is not 0."""
    weight = turn.message.get("weight") if isinstance(turn.message, dict) else None
    return turn.role == "assistant" and not (isinstance(weight, int | float) and weight == 0)


def _in_margin(lines: Iterable[str], margin: str) -> list[str]:
    mark = click.style(margin, fg="green")
    if not margin.strip():
        return [margin + text if text else "" for text in lines]
    return [mark + text if text else mark.replace(margin, margin.rstrip()) for text in lines]


# --- above the messages --------------------------------------------------------------------------------------------------


def _head(chat: Chat, name: str, line: int, width: int) -> list[str]:
    tokens = counted(estimate_tokens(chat), "token")
    sizes = f"{counted(len(chat.turns), 'message')}, {counted(chat.hops, 'hop')}, about {tokens} (estimated)"
    lines = [click.style(text, bold=True) for text in wrap(f"{name}, line {line}: {sizes}", width)]
    for tool, schema in chat.tools.items():
        lines += wrap(f"tool {visible(tool)}({', '.join(_parameters(schema))})", width, hang=4)
    return lines


def _parameters(schema: dict[str, Any]) -> list[str]:
    properties, required = schema.get("properties"), schema.get("required")
    needed = required if isinstance(required, list) else []
    names = properties if isinstance(properties, dict) else {}
    return [visible(name) if name in needed else f"{visible(name)}?" for name in names]


def _findings(chat: Chat, width: int, more_findings: list[Finding]) -> list[str]:
    findings = [*check_chat(chat), *more_findings]
    label = max((len(finding.check) for finding in findings), default=0)
    lines = [line for finding in findings[:SHOWN_FINDINGS] for line in finding_lines(finding, width, label)]
    more = len(findings) - SHOWN_FINDINGS
    return lines + ([f"and {more:,} more findings"] if more > 0 else []) or ["no findings"]


def _support(rating: Rating, width: int) -> list[str]:
    """Return the support of a row, and its terms by status, heaviest first."""
    support = rating.support
    named = {"support": support.support, "retrievable": support.retrievable}
    shares = [f"{name} {share:.2f}" for name, share in named.items() if share is not None]
    lines = [click.style(", ".join(shares) or "needs nothing that its prompt does not give", bold=True)]
    by_status = {
        "shown": [term for term in support.of("shown") if term.share == 1],
        "mentioned": [term for term in support.of("shown") if term.share < 1],
        "not shown": support.of("documented"),
        "undocumented": support.of("undocumented"),
        "given": support.of("given"),
    }
    for label, terms in by_status.items():
        if terms:
            lines += wrap(f"  {label:<13}{', '.join(visible(term.text, 60) for term in terms)}", width, hang=15)
    for leak in rating.leaks:
        if leak.outcome != "known":
            held = f"{', '.join(leak.terms)}, which only the desired output has"
            lines += wrap(f"  leak, {leak.outcome}: {quoted(leak.query)} holds {held}", width, hang=4)
    return lines


def _legend(width: int) -> list[str]:
    text = (
        "trained on: what the assistant writes. The rest is context, read and not learnt, "
        "where the trainer masks it (TRL: assistant_only_loss=True)."
    )
    return _in_margin(wrap(text, width - 2), TRAINED)


# --- a message -----------------------------------------------------------------------------------------------------------


def _title(turn: Turn, returned: Return | None, chat: Chat, width: int) -> str:
    role = f"{turn.number:<2} {visible(turn.role, 20) or 'no role'}"
    notes = []
    if turn.role == "assistant":
        last = turn is chat.turns[-1]
        notes.append(_calls_note(turn) if turn.calls else "desired output" if last else "")
        notes.append("" if is_trained(turn) else "weight 0: not trained on")
    if returned is not None:
        notes.append(_id(turn.answers))
        passages = [passage for passage in split_passages(turn.text or "") if passage.rank]
        notes.append(f"{len(passages)} passages" if len(passages) > 1 else "")
        notes.append(counted(len(turn.text or ""), "character"))
        notes.append("" if returned.call else "answers no call")
    shown = clip(", ".join(note for note in notes if note), width - columns(role) - 2)
    title = click.style(role, bold=True)
    return f"{title}  {click.style(shown, dim=True)}" if shown else title


def _calls_note(turn: Turn) -> str:
    return f"call {_id(turn.calls[0].id)}" if len(turn.calls) == 1 else f"{len(turn.calls)} calls"


def _id(call_id: str | None) -> str:
    return visible(call_id, 40) if call_id else "without id"


def _body(turn: Turn, returned: Return | None, width: int, full: bool, sources: Sources) -> list[str]:
    if not isinstance(turn.message, dict):
        return layout(compact(turn.message), width)
    if returned is not None:
        lines = _passages(turn, width, full, sources.get(turn.answers or "", ()))
    elif turn.text is not None:
        lines = layout(turn.text, width) if turn.text or not turn.calls else []
    else:
        content = turn.message.get("content")
        lines = [] if content is None else wrap(visible(compact(content)), width)
    for call in turn.calls:
        lines += _call(call, width, show_id=len(turn.calls) > 1)
    return lines + _other_fields(turn, width)


def _call(call: Call, width: int, show_id: bool) -> list[str]:
    if call.arguments is None:
        shown = f"{visible(call.name)}({visible(call.raw)})   <- {call.problem}"
    else:
        given = ", ".join(f"{visible(name)}={visible(compact(value))}" for name, value in call.arguments.items())
        shown = f"{visible(call.name)}({given})"
    lines = [click.style(line, fg="cyan") for line in wrap(shown, width, hang=4)]
    return [*lines, click.style(f"    {_id(call.id)}", dim=True)] if show_id else lines


def _other_fields(turn: Turn, width: int) -> list[str]:
    others = [name for name in turn.message if name not in KNOWN_FIELDS]
    if turn.message.get("tool_calls") and not turn.calls:
        others.append("tool_calls")
    text = f"other fields: {', '.join(visible(name, 40) for name in others)}"
    return [click.style(line, dim=True) for line in wrap(text, width, hang=4)] if others else []


# --- a return ------------------------------------------------------------------------------------------------------------


def _passages(turn: Turn, width: int, full: bool, sources: tuple[Source, ...]) -> list[str]:
    by_rank = {source.rank: source for source in sources}
    lines: list[str] = []
    for passage in split_passages(turn.text or ""):
        head = _passage_head(passage, by_rank.pop(passage.rank, None), width)
        indent = "    " if head else ""
        lines += head + [indent + text if text else "" for text in _shortened(passage.text, width - len(indent), full)]
    # A return in a form that is not ours still came from somewhere.
    for source in by_rank.values():
        place = f"{source.path}:{source.start_line}-{source.end_line}"
        lines += wrap(f"source {source.rank}: {visible(place)} {_origin(source)}", width, hang=4)
    return lines


def _passage_head(passage: Passage, source: Source | None, width: int) -> list[str]:
    if not passage.rank:
        return []
    words = [f"[{passage.rank}]", visible(passage.place), visible(passage.headings), _origin(source) if source else ""]
    text = " ".join(word for word in words if word)
    return [click.style(line, fg="cyan", bold=True) for line in wrap(text, width, hang=4)]


def _origin(source: Source) -> str:
    return f"(chunk {visible(source.chunk_id)}, score {source.score:.4g})"


def _shortened(text: str, width: int, full: bool) -> list[str]:
    lines = layout(text, width, reflow=True)
    # One line more is shown rather than told about.
    if full or len(lines) <= PASSAGE_LINES + 1:
        return lines
    kept = "\n".join(lines[:PASSAGE_LINES]).rstrip("\n").split("\n")
    note = f"… {len(lines) - len(kept):,} more lines (--full)"
    return [*kept, click.style(note, dim=True)]
