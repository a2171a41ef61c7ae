"""The audit: what can be doubted in a ledger, one module for each check, and the one tuple that lists them.

A check is a pure function of `Tables` that gives findings (`FOUND`): which entries, how strongly, on what evidence, and a sentence for
the people concerned. A finding is a doubt, never a judgement: only a verdict, which somebody signs with a reason, changes a figure.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import ibis.expr.types as ir

from ...tables import Tables
from . import (
    backdated,
    bunching,
    claimed_attainment,
    count_mismatch,
    displaced,
    duplicate,
    heaping,
    over_capacity,
    overlap,
    own_history,
    repeated_identity,
    tail,
    uncredited_help,
)
from .found import FOUND, MOST_LEVEL, given, is_empty

__all__ = ["CHECKS", "FOUND", "MOST_LEVEL", "Check", "given"]


@dataclass(frozen=True)
class Check:
    """One check: its code, one line of help, what finds, and whether its rows carry p-values that are controlled together.

    `lacking` says why a ledger gives the check nothing to look at, None where it does; then `find` is not called.
    """

    code: str
    help: str
    find: Callable[[Tables], ir.Table]
    family: bool
    lacking: Callable[[Tables], str | None]


def _check(module: ModuleType) -> Check:
    """What a module of this folder declares; without a `lacking` of its own a check looks at every shift."""
    return Check(module.CODE, module.HELP, module.find, module.FAMILY, getattr(module, "lacking", no_shift))


def no_shift(tables: Tables) -> str | None:
    """Why a check of shifts has nothing to look at."""
    return "the ledger holds no shift" if is_empty(tables.shift) else None


CHECKS: tuple[Check, ...] = (
    _check(over_capacity),
    _check(uncredited_help),
    _check(own_history),
    _check(tail),
    _check(displaced),
    _check(count_mismatch),
    _check(overlap),
    _check(duplicate),
    _check(repeated_identity),
    _check(claimed_attainment),
    _check(backdated),
    _check(bunching),
    _check(heaping),
)
