"""The default prompts: plain Markdown files in `prompts/`, which may be replaced by files of the user's own."""

from pathlib import Path

from tracegen.errors import InputError


def read_prompt(path: Path | None = None, name: str = "teacher") -> str:
    """Return a model's system prompt: of a file, or the default one of that name.

    Raises InputError where the file cannot be read, is not UTF-8, or is empty.
    """
    path = path or _default(name)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(f"Cannot read the prompt {path}: {reason}. Give a text file with --prompt.") from None
    if not text.strip():
        raise InputError(f"The prompt {path} is empty. Write what the teacher should know, or leave --prompt out.")
    return text


def _default(name: str) -> Path:
    """Return a default prompt's file: in the wheel beside this module, in a checkout at the top level."""
    here = Path(__file__).parent
    packaged = here / "prompts" / f"{name}.md"
    return packaged if packaged.is_file() else here.parent / "prompts" / f"{name}.md"
