"""The file that configures the tool: docs/tool.md says what may stand in it."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from tracegen.errors import InputError
from tracegen.index.tool import DEFAULT_TOOL
from tracegen.records import Tool

DEFAULT = "default"
"""Instead of a file: the tool as tracegen has it without one."""

# 1,024 is what OpenAI's API takes as a function's description (2026-11).
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1024)]


class ToolFile(BaseModel):
    """What a tool file holds; a key that is not there is as in the default tool."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{1,64}$")] = DEFAULT_TOOL.name
    """Function name."""
    description: _Text = DEFAULT_TOOL.description
    """What the model is told about the function."""
    query_description: _Text = DEFAULT_TOOL.parameters["properties"]["query"]["description"]
    """What the model is told about its argument `query`."""
    k: int = Field(default=DEFAULT_TOOL.k, ge=1, le=50)
    """Most passages in a return."""
    max_chars: int | None = Field(default=None, ge=400)
    """Most characters of a return."""
    max_tokens: int | None = Field(default=None, ge=100)
    """Most tokens of a return, as the embedding model counts them."""
    nothing_found: _Text = DEFAULT_TOOL.nothing_found
    """Text of a return without any passage."""

    @model_validator(mode="after")
    def _one_budget(self) -> Self:
        if self.max_chars and self.max_tokens:
            raise ValueError("there are both max_chars and max_tokens")
        return self

    def tool(self) -> Tool:
        """Return the tool that is meant."""
        query = {"type": "string", "description": self.query_description}
        fields = self.model_dump(exclude={"query_description"})
        return DEFAULT_TOOL.model_copy(
            update={**fields, "parameters": DEFAULT_TOOL.parameters | {"properties": {"query": query}}}
        )


_WHAT_TO_DO = {
    "name": "Give 1 to 64 letters, digits, underscores and hyphens.",
    "description": "Give a text of 1 to 1024 characters.",
    "query_description": "Give a text of 1 to 1024 characters.",
    "k": "Give a whole number from 1 to 50.",
    "max_chars": "Give a whole number of at least 400.",
    "max_tokens": "Give a whole number of at least 100.",
    "nothing_found": "Give a text of 1 to 1024 characters.",
}


def read_tool(path: Path) -> Tool:
    """Return the tool that a file configures, or the default one for the word `default`.

    Raises InputError where there is no such file, it is not TOML, or it holds something else than a tool.
    """
    if str(path) == DEFAULT:
        return DEFAULT_TOOL
    try:
        return ToolFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig"))).tool()
    except OSError as error:
        raise InputError(f"Cannot read the tool file {path}: {error.strerror}. Name a TOML file, or `{DEFAULT}`.") from None
    except ValidationError as error:
        raise InputError("\n".join(_sentence(path, detail) for detail in error.errors())) from None
    except ValueError as error:  # not UTF-8, or not TOML
        raise InputError(f"{path} is not TOML: {error}. A tool file has lines such as k = 5; see docs/tool.md.") from None


def _sentence(path: Path, detail: Any) -> str:
    """Return what is wrong with a key of the file, and what to do."""
    if not detail["loc"]:
        return f"{path}: {detail['ctx']['error']}. Give one of them."
    key = ".".join(map(str, detail["loc"]))
    if detail["type"] == "extra_forbidden":
        return f"{path}:{key}: there is no such setting. Those there are: {', '.join(_WHAT_TO_DO)}."
    problem = detail["msg"][0].lower() + detail["msg"][1:]
    return f"{path}:{key}: {problem}, not {str(detail['input'])[:60]!r}. {_WHAT_TO_DO[str(detail['loc'][0])]}"
