"""Struck: the marks that were in a class as reported, and that verdicts have taken out of it.

The same search as for records, over the figures as reported, among few shifts: those under a verdict, and those that hold the marks as
judged. So what it finds beside the marks as judged are shifts that would be marks had nobody ruled on them.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import ibis.expr.types as ir

from ..tables import Tables
from . import records
from .attainment import last_verdicts

TAKING_OUT = ("adjusted", "annulled")


def derive(tables: Tables, setters: Sequence[int], **parameters: Any) -> ir.Table:
    """The marks as reported of shifts whose last verdict adjusts or annuls them, in the columns of records.

    `setters` are the entries that hold the marks as judged; the parameters are those of records.
    """
    verdict = last_verdicts(tables)
    ruled = tables.kept(verdict.filter(verdict.ruling.isin(TAKING_OUT)).select(ruled="shift"))
    shift = tables.shift
    few = shift.filter(shift.entry.isin(list(setters)) | shift.id.isin(ruled.ruled)) if setters else shift.semi_join(
        ruled, shift.id == ruled.ruled
    )  # fmt: skip
    found = records.derive(replace(tables.as_reported(), shift=tables.kept(few)), **parameters)
    return found.semi_join(ruled, found.shift == ruled.ruled).order_by("started", "entry")
