"""Listing: which entries a reader asks for, found in the columns, the newest first."""

from dataclasses import dataclass

import pyarrow as pa

from .. import columns
from ..entries import KINDS
from .live import Known


@dataclass(frozen=True)
class Asked:
    """Which entries: of a kind, that name an id, that somebody entered; None asks for all."""

    kind: str | None = None
    about: str | None = None
    by: str | None = None

    @property
    def everything(self) -> bool:
        """Whether no entry is left out."""
        return not (self.kind or self.about or self.by)


def indices(known: Known, asked: Asked, below: int, limit: int) -> list[int]:
    """The indices of the newest entries below one that are asked for, replaced ones too."""
    if asked.everything:
        return list(range(below - 1, max(-1, below - 1 - limit), -1))
    kinds = [asked.kind] if asked.kind else list(KINDS)
    parts, given = [], []
    for kind in kinds:
        condition, values = _condition(kind, asked)
        # `all_KIND` is every entry of a kind, whatever has become of it since.
        parts.append(f'SELECT entry FROM "all_{kind}" WHERE entry < ? AND {condition}')
        given += [below, *values]
    sql = f"SELECT entry FROM ({' UNION ALL '.join(parts)}) ORDER BY entry DESC LIMIT {limit}"
    with known.deriving() as tables, tables.engine.cursor() as engine:
        return [row[0] for row in engine.execute(sql, given).fetchall()]


def _condition(kind: str, asked: Asked) -> tuple[str, list[str]]:
    conditions, values = ["true"], []
    if asked.by:
        conditions.append('"by" = ?')
        values.append(asked.by)
    if asked.about:
        named = _naming(kind)
        conditions.append(f"({' OR '.join(named) or 'false'})")
        values += [asked.about] * len(named)
    return " AND ".join(conditions), values


def _naming(kind: str) -> list[str]:
    """SQL conditions under which an entry of a kind is, names, or speaks about an id."""
    shape = columns.schema(kind)
    names = [name for name in ("id", "about", *KINDS[kind].targets) if name in shape.names]
    return [_holds(shape.field(name)) for name in dict.fromkeys(names)]


def _holds(field: pa.Field) -> str:
    column = f'"{field.name}"'
    if not pa.types.is_list(field.type):
        return f"{column} = ?"
    if pa.types.is_struct(field.type.value_type):
        column = f"list_transform({column}, lambda one: one.worker)"
    return f"list_contains({column}, ?)"
