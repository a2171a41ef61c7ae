"""Listing entries: by kind, or by an id that they name, as they may be shown.

Entries are found by the words that must stand in their bytes, many at a time, and then by what they say.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Protocol

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from . import codec, entries, erasing

Found = tuple[int, bytes]
"""The index of an entry, and its canonical bytes."""


class Log(Protocol):
    """What listing needs of a ledger."""

    def entries(self, start: int, stop: int) -> Iterable[Found]:
        """Entries one by one."""

    def bundles(self, start: int, stop: int) -> Iterable[tuple[int, pa.Array]]:
        """Entries in bulk: the first index and the texts of each run."""


def matching(log: Log, start: int, stop: int, kind: str | None = None, about: str | None = None) -> Iterator[Found]:
    """The entries start..stop-1 of a kind, or that are, refer to, or speak about an id, in their order."""
    if kind is None and about is None:
        yield from log.entries(start, stop)
        return
    for first, texts in log.bundles(start, stop):
        mask = pa.array([True] * len(texts))
        for words in _words(kind, about):
            mask = pc.and_(mask, pc.match_substring(texts, words))
        for place in pc.indices_nonzero(mask).to_pylist():
            data = texts[place].as_py().encode()
            if about is None or names(data, about):
                yield first + place, data


def _words(kind: str | None, about: str | None) -> Iterator[str]:
    if kind is not None:
        yield f'"kind":"{kind}"'
    if about is not None:
        yield msgspec.json.encode(about).decode()


def names(data: bytes, about: str) -> bool:
    """Whether an entry is, refers to, or speaks about an id."""
    entry = codec.decode(data)
    own = entries.identity(entry)
    spoken = getattr(entry, "about", None)
    return about in (own[1] if own else None, spoken) or any(found.id == about for found in entries.references(entry))


def shown(found: Iterable[Found], erased: Collection[str]) -> Iterator[Found]:
    """The entries as they may be shown: workers who have been erased without name and profile."""
    for index, data in found:
        personal = bool(erased) and b'"kind":"worker"' in data
        yield index, codec.encode(erasing.shown(codec.decode(data), erased)) if personal else data
