"""Where the bytes of a ledger rest, and in what shape. A store keeps bytes under numbers and knows nothing of what they mean.

Every table maps a whole number to bytes:

    bundles     bundle number -> 256 entries, packed (see `bundles.py`)
    singles     entry index -> the entry's bytes; the newest entries, until 256 of them are packed
    tiles       level << 48 | tile index -> hashes of 32 bytes, level 1 and up; on the right edge they are partial
    identities  run << 16 | part -> a part of the index of identities (see `identities.py`)
    batches     size after the batch -> size before it (8 bytes, big-endian) ‖ the root after it
    meta        one of the numbers of `Meta` -> a fact about the ledger, in UTF-8

What a transaction writes becomes visible, and durable, whole or not at all. Stores share no code, but one conformance suite.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from enum import IntEnum
from typing import Literal, Protocol

WAIT_SECONDS = 120.0
"""How long a writer waits for its turn unless told otherwise."""
FORMAT = 1
"""The version of the format that this program writes, and the newest that it reads."""

Table = Literal["bundles", "singles", "tiles", "identities", "batches", "meta"]
TABLES: tuple[Table, ...] = ("bundles", "singles", "tiles", "identities", "batches", "meta")


class Meta(IntEnum):
    """The facts about a ledger, in the table `meta`."""

    FORMAT = 0
    GENESIS = 1
    """The first verifier key, named like the ledger; the chain of rotations starts from it."""
    CHECKPOINT = 2
    """The head: the newest checkpoint as a signed note."""
    RECORDED = 3
    """When the newest entry was recorded; empty in an empty ledger."""
    RUNS = 4
    """Which runs the index of identities consists of (see `identities.py`)."""


class Reader(Protocol):
    """One snapshot of a store: what is written meanwhile does not show."""

    def get(self, table: Table, number: int) -> bytes | None:
        """The bytes under a number, None when there are none."""

    def scan(self, table: Table, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Numbers in [start, stop) with their bytes, ascending; fetched as they are consumed."""


class Writer(Reader, Protocol):
    """The one transaction that may write. It sees what it has written."""

    number: int
    """Of this transaction, among those of its store that write."""
    after: int | None
    """The number of the one that brought the store to this state; None where another process may have."""

    def put(self, table: Table, rows: Iterable[tuple[int, bytes]]) -> None:
        """Write bytes under numbers; what was there is replaced."""

    def delete(self, table: Table, start: int, stop: int) -> None:
        """Remove the numbers in [start, stop)."""


class Store(Protocol):
    """A place where one ledger rests. Safe to use from several threads, as long as each opens its own snapshot."""

    def read(self) -> AbstractContextManager[Reader]:
        """A snapshot. Raises Broken when the store is damaged."""

    def write(self) -> AbstractContextManager[Writer]:
        """The only transaction that writes, now. It is durable when the block ends; an exception undoes it whole.

        Raises Busy when another writer holds the store for too long, CannotWrite when the disk does not take it, and Unsure when the
        connection was lost at the very end: then whoever writes next sees whether it was done.
        """

    def close(self) -> None:
        """Let go of the store. Nothing is lost when this is never called."""


Fill = Callable[[Writer], None]
"""Writes what a new store holds from its first moment on."""
