"""Which store an address means: makes, opens, copies and discards the stores of ledgers."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..address import Address, DatabaseAddress, FileAddress, WebAddress
from ..errors import Refused
from . import TABLES, WAIT_SECONDS, Fill, Meta, Store, Writer
from .sqlite import SQLiteStore

if TYPE_CHECKING:
    from .postgresql import PostgreSQLStore

BEGINNING = -(2**63)


def create_store(address: Address, facts: Mapping[Meta, bytes], *, fill: Fill | None = None) -> Store:
    """A new store that holds these facts, and what `fill` writes. Raises Refused when there is something already."""
    if isinstance(address, DatabaseAddress):
        return _postgresql().create(address, facts, fill=fill)
    return SQLiteStore.create(_file(address).path, facts, fill=fill)


def open_store(address: Address, *, wait_seconds: float = WAIT_SECONDS) -> Store:
    """The store at an address; never makes one. Raises NotALedger when there is none that this version can open."""
    if isinstance(address, DatabaseAddress):
        return _postgresql().open(address, wait_seconds=wait_seconds)
    return SQLiteStore.open(_file(address).path, wait_seconds=wait_seconds)


def copy_store(source: Store, target: Address) -> None:
    """Copy a snapshot of a store to where nothing is yet: whole, or not at all. Raises Refused when something is there."""
    if isinstance(source, SQLiteStore) and isinstance(target, FileAddress):
        source.copy(target.path)
        return

    def fill(writer: Writer) -> None:
        with source.read() as reader:
            for table in TABLES:
                writer.put(table, reader.scan(table, BEGINNING))

    create_store(target, {}, fill=fill).close()


def discard_store(address: Address) -> None:
    """Remove a store that was made just now and is not to stay."""
    if isinstance(address, DatabaseAddress):
        _postgresql().discard(address)
    else:
        SQLiteStore.discard(_file(address).path)


def _file(address: Address) -> FileAddress:
    if isinstance(address, WebAddress):
        raise Refused(address.away)
    assert isinstance(address, FileAddress)
    return address


def _postgresql() -> "type[PostgreSQLStore]":
    try:
        from .postgresql import PostgreSQLStore
    except ImportError:
        hint = "install it with `pip install 'checkweigh[postgresql]'`"
        raise Refused(f"for a ledger in PostgreSQL this installation lacks the library psycopg; {hint}") from None
    return PostgreSQLStore
