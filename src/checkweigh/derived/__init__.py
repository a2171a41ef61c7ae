"""Derived tables: pure functions of `Tables`, one module each, and the registry from which commands and docs follow."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType

import ibis
import ibis.expr.types as ir

from . import attainment, cases, findings, honours, quotas, records, shares, spread, standings
from .parameter import Parameter

__all__ = ["DERIVED", "Derivation", "Parameter"]


@dataclass(frozen=True)
class Derivation:
    """One derived table: how it is computed, what its columns are and mean, and what can be asked of it.

    `key` tells which row is which, at whatever size it is asked for; `first` is what a terminal shows before the rest. A table that
    comes in no order has `by_entry`, the index by which it is put into that of the log: the same question gets the same bytes.
    `rests_on` says which columns hold indices of entries, and what these are to the row (`RESTS_ON` of the module, if it has one).
    """

    name: str
    help: str
    derive: Callable[..., ir.Table]
    schema: ibis.Schema
    columns: Mapping[str, str]
    parameters: tuple[Parameter, ...]
    key: tuple[str, ...]
    first: tuple[str, ...]
    by_entry: str | None
    rests_on: Mapping[str, str]

    def in_order(self, names: Sequence[str]) -> list[str]:
        """The columns of the table or of its changes, those that matter most before the rest."""
        first = [name for name in self.first if name in names]
        return first + [name for name in names if name not in first]


def _derivation(module: ModuleType, help: str, by_entry: str | None = None) -> Derivation:
    """What a module of this folder declares."""
    return Derivation(
        module.__name__.rpartition(".")[2], help, module.derive, module.SCHEMA, module.COLUMNS, module.PARAMETERS, module.KEY,
        module.FIRST, by_entry, getattr(module, "RESTS_ON", {}),
    )  # fmt: skip


DERIVED: dict[str, Derivation] = {
    made.name: made
    for made in (
        _derivation(attainment, "What each shift yielded, against what its quota asked.", by_entry="first_entry"),
        _derivation(standings, "Who stands where in a period."),
        _derivation(records, "Who held the mark of each class, from when to when."),
        _derivation(honours, "What was earned, granted, or has lost its basis."),
        _derivation(quotas, "How each quota differs from the one before it, who set it and on what basis."),
        _derivation(shares, "What share of those with shifts met the quota."),
        _derivation(spread, "Where and when quotas were met, from job to job."),
        _derivation(findings, "What the audit doubts, with its evidence: never a verdict."),
        _derivation(cases, "Which claims await a verdict, and what depends on them."),
    )
}
