"""Derived tables: pure functions of `Tables`, one module each, and the registry from which commands and docs follow."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from . import attainment, honours, records, standings
from .parameter import Parameter

__all__ = ["DERIVED", "Derivation", "Parameter"]


@dataclass(frozen=True)
class Derivation:
    """One derived table: how it is computed, what its columns are and mean, and what can be asked of it."""

    name: str
    help: str
    derive: Callable[..., ir.Table]
    schema: ibis.Schema
    columns: Mapping[str, str]
    parameters: tuple[Parameter, ...]


DERIVED: dict[str, Derivation] = {
    made.name: made
    for made in (
        Derivation(
            "attainment", "What each shift yielded, against what its quota asked.",
            attainment.derive, attainment.SCHEMA, attainment.COLUMNS, attainment.PARAMETERS,
        ),
        Derivation(
            "standings", "Who stands where in a period.",
            standings.derive, standings.SCHEMA, standings.COLUMNS, standings.PARAMETERS,
        ),
        Derivation(
            "records", "Who held the mark of each class, from when to when.",
            records.derive, records.SCHEMA, records.COLUMNS, records.PARAMETERS,
        ),
        Derivation(
            "honours", "What was earned, granted, or has lost its basis.",
            honours.derive, honours.SCHEMA, honours.COLUMNS, honours.PARAMETERS,
        ),
    )
}  # fmt: skip
