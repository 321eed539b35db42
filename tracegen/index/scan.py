"""What a build has to do: files are compared by digest with those of the last build; what did not change is not parsed."""

from collections.abc import Iterator, Sequence

from tracegen.corpus import Found, file_digest, read_found
from tracegen.index.store import Manifest
from tracegen.records import Document, Skipped


class Scan:
    """The files below the roots, and what is known of them without parsing: by path and digest, from the last build."""

    def __init__(self, found: Sequence[Found], known: Manifest | None) -> None:
        self.files = found
        self._documents = known.documents if known else {}
        self._skipped_digests = known.skipped_digests if known else {}
        self._reasons = {skipped.path: skipped for skipped in known.skipped} if known else {}
        self.digests = {each.path: file_digest(each) for each in found if not each.reason}

    def afresh(self) -> "Scan":
        """Return the same files with nothing known of them."""
        scan = Scan([], None)
        scan.files, scan.digests = self.files, self.digests
        return scan

    def is_as_before(self, found: Found) -> bool:
        """Return whether the last build made a document of the same bytes."""
        digest = self.digests.get(found.path, "")
        return bool(digest) and not found.reason and self._documents.get(found.path) == digest

    def former_paths(self) -> dict[str, str]:
        """Return the path that each renamed file had in the last build: the same bytes made a document that is gone."""
        gone: dict[str, list[str]] = {}
        for path, digest in self._documents.items():
            if self.digests.get(path) != digest:
                gone.setdefault(digest, []).append(path)
        new = {path: digest for path, digest in self.digests.items() if self._documents.get(path) != digest}
        return {path: gone[digest].pop(0) for path, digest in new.items() if gone.get(digest)}

    def read(self, found: Found) -> Document | Skipped:
        """Read a file; one that was left out before because of the same bytes is not opened."""
        digest = self.digests.get(found.path, "")
        if digest and not found.reason and self._skipped_digests.get(found.path) == digest:
            return self._reasons[found.path]
        return read_found(found)

    def without_documents(self) -> list[Skipped] | None:
        """Return what is left out where the documents are those of the last build, or None where they are not.

        Files are read until the first one that makes a difference.
        """
        if not self._documents or sum(map(self.is_as_before, self.files)) != len(self._documents):
            return None
        skipped = []
        for found in self.files:
            if not self.is_as_before(found):
                read = self.read(found)
                if isinstance(read, Document):
                    return None
                skipped.append(read)
        return skipped

    def digests_of(self, skipped: Sequence[Skipped]) -> dict[str, str]:
        """Return the digests of those files left out that were opened."""
        opened = {each.path for each in self.files if not each.reason}
        return {each.path: self.digests[each.path] for each in skipped if each.path in opened and self.digests[each.path]}


def scan_files(found: Sequence[Found], own: Sequence[str], known: Manifest | None) -> Scan:
    """Take the digests of files; the index's own files, below `own`, are not among them.

    `known` is the manifest of an index that was read and cut as it would be now.
    """
    found = [each for each in found if not any(f"/{name}/" in f"/{each.path}/" for name in own)]
    return Scan(found, known)


def read_all(scan: Scan) -> Iterator[tuple[Found, Document | Skipped | None]]:
    """Yield each file with what is in it, or with None where it is as before."""
    for found in scan.files:
        yield found, None if scan.is_as_before(found) else scan.read(found)
