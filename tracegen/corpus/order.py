"""The order that a site gives its pages, in `llms.txt` or `sitemap.xml`."""

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)")
_LOCATION = re.compile(r"<loc>\s*(?:<!\[CDATA\[)?\s*([^<\]\s]+)")
_INDEX_NAMES = ("index", "readme", "_index")
_LARGEST = 10_000_000


def site_order(root: Path, paths: Iterable[str]) -> dict[str, int]:
    """Return the place of each path that the site lists, counted from 0; paths are relative to the root.

    A link leads to the file with the same path, with or without extension, `/index` and folders before it.
    """
    links = _links(root)
    if not links:
        return {}
    files: dict[str, str] = {}
    for path in sorted(paths, reverse=True):
        files[_key(path)] = path
    places: dict[str, int] = {}
    for link in links:
        parts = _key(unquote(urlsplit(link).path)).split("/")
        listed = next((files[key] for key in ("/".join(parts[at:]) for at in range(len(parts))) if key in files), None)
        if listed is not None:
            places.setdefault(listed, len(places))
    return places


def _links(root: Path) -> list[str]:
    for name, pattern in (("llms.txt", _LINK), ("sitemap.xml", _LOCATION)):
        try:
            with (root / name).open("rb") as file:
                text = file.read(_LARGEST).decode("utf-8", "replace")
        except OSError:
            continue
        links: list[str] = pattern.findall(text)
        if links:
            return links
    return []


def _key(path: str) -> str:
    """Return what a link and its file have in common."""
    pure = PurePosixPath(path.strip("/"))
    stem = pure.with_suffix("") if len(pure.suffix) in range(3, 8) else pure
    if stem.name.lower() in _INDEX_NAMES:
        stem = stem.parent
    return "" if str(stem) == "." else str(stem)
