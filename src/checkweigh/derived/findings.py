"""Findings: what the audit doubts, with its evidence: never a verdict.

Every check looks at the ledger as known at the size, with figures as judged; annulled shifts are left out. Where a check makes many
statistical tests, false discoveries are controlled across all tests of that check (Benjamini and Hochberg 1995, step-up): the q-value of
the test with the i-th smallest p-value among m is the least of p × m ÷ rank from there on, and findings are kept whose q-value is at
most the level. Of findings at level 0.05 no more than one in twenty is expected to be chance.

The check that found something says how the score is to be read; [the guide](../audit.md) says it for all of them.
"""

import functools

import ibis
import ibis.expr.types as ir

from ..errors import Refused
from ..tables import Tables
from .attainment import judged
from .audit import CHECKS, FOUND, MOST_LEVEL, Check, given
from .parameter import Parameter

SCHEMA = ibis.schema(
    {
        "code": "string", "entry": "int64", "shift": "string", "about": "string", "worker": "string", "crew": "string", "job": "string",
        "site": "string", "score": "float64", "p_value": "float64", "q_value": "float64", "tests": "int64", "entries": "array<int64>",
        "evidence": "map<string, string>", "message": "string",
    }
)  # fmt: skip
COLUMNS = {
    "code": "which check found it",
    "entry": "index of the entry that it is about, or of the first of them",
    "shift": "the shift, where it is about one",
    "about": "else what it is about: a site, a crew, a worker, a person who enters",
    "worker": "who is credited with that entry",
    "crew": "or which crew",
    "job": "the job of that entry",
    "site": "and its site",
    "score": "how far from what was to be expected, in the unit of the check",
    "p_value": "how often chance alone would show this much, where the check can tell",
    "q_value": "the share of chance findings among all that are at least this strong",
    "tests": "how many tests the check made",
    "entries": "every entry concerned, of a group the first twenty",
    "evidence": "the numbers, by name",
    "message": "what was found, in a sentence",
}
KEY = ("code", "entry", "about")
FIRST = ("code", "shift", "about", "message", "score", "q_value", "entry", "evidence")
LEVEL = 0.05
PARAMETERS = (
    Parameter("check", "choice", "only this check", tuple(check.code for check in CHECKS)),
    Parameter(
        "level",
        "ratio",
        f"false discovery rate of checks that make many tests, at most {MOST_LEVEL}",
        default=LEVEL,
        most=MOST_LEVEL,
    ),
    Parameter("job", "text", "only findings about entries of this job"),
    Parameter("site", "text", "only findings about entries of this site"),
)


def derive(
    tables: Tables, *, check: str | None = None, level: float = LEVEL, job: str | None = None, site: str | None = None
) -> ir.Table:
    """One row per finding, check by check, the strongest first. Raises Refused for a level that is none."""
    if not 0 < level <= MOST_LEVEL:
        raise Refused(f"level {level} is not a rate of false discoveries; write one above 0 and up to {MOST_LEVEL}")
    asked = [one for one in CHECKS if check in (None, one.code) and one.lacking(tables) is None]
    if len(asked) > 1:
        judged(tables, keep=True)  # most checks go over the same shifts
    parts = [_of_check(one, place, tables) for place, one in enumerate(asked)]
    rows = functools.reduce(ir.Table.union, parts, _coded(given(tables, []), "", -1, False))
    rows = _placed(_controlled(rows, level), tables)
    for name, wanted in (("job", job), ("site", site)):
        rows = rows.filter(rows[name] == wanted) if wanted is not None else rows
    strongest = (rows.p_value.asc(nulls_first=False), rows.score.desc(nulls_first=False), rows.entry, rows.about)
    return rows.order_by(rows.position, *strongest).select(*SCHEMA.names)


def lacking(tables: Tables) -> dict[str, str]:
    """The checks for which this ledger holds nothing to look at, and why."""
    return {check.code: why for check in CHECKS if (why := check.lacking(tables)) is not None}


def _of_check(check: Check, position: int, tables: Tables) -> ir.Table:
    """What a check finds, which is the same whatever job, site or level is asked for; held as something of the judged shifts."""
    found = tables.held(f"judged, {check.code}", lambda: check.find(tables))
    return _coded(found, check.code, position, check.family)


def _coded(found: ir.Table, code: str, position: int, family: bool) -> ir.Table:
    words = {
        "code": ibis.literal(code, "string"),
        "position": ibis.literal(position, "int64"),
        "family": ibis.literal(family),
    }
    return found.select(**{name: found[name].cast(kind) for name, kind in FOUND.items()}, **words)


def _controlled(rows: ir.Table, level: float) -> ir.Table:
    """Adds the q-value within each family, and leaves out what exceeds the level."""
    ranked = ibis.window(group_by=rows.code, order_by=[rows.p_value, rows.entry, rows.about])
    rows = rows.mutate(step=rows.p_value * rows.tests / (ibis.row_number().over(ranked) + 1))
    upward = ibis.window(
        group_by=rows.code, order_by=[rows.p_value.desc(), rows.entry.desc(), rows.about.desc()], preceding=None, following=0
    )  # fmt: skip
    least = ibis.least(rows.step.min().over(upward), 1.0)
    rows = rows.mutate(q_value=ibis.ifelse(rows.family, least, ibis.null("float64")))
    return rows.filter(~rows.family | (rows.q_value <= level))


def _placed(rows: ir.Table, tables: Tables) -> ir.Table:
    """Adds who, which job and which site, from the entry that a finding is about."""
    columns = {"of": "entry", "worker": "worker", "crew": "crew", "job": "job", "site": "site"}
    shift, nobody = tables.shift.select(**columns), ibis.null("string")
    count = tables.count.select(of="entry", worker=nobody, crew=nobody, job="job", site="site")
    quota = tables.quota.select(**columns)
    spoken = shift.union(count).union(quota)
    return rows.left_join(spoken, rows.entry == spoken.of).drop("of")
