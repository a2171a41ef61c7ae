"""What a check finds: the columns of a finding, and how checks write them.

Evidence and message are written inside the engine from columns (`evidence`, `said`), so that a ledger with a million doubtful shifts costs
no more than one with ten; checks that end in Python give their few rows back with `Tables.given`.
"""

import re
from collections.abc import Sequence
from decimal import Decimal

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from ...tables import Tables, collect
from ..standings import latest

FOUND = ibis.schema(
    {
        "entry": "int64", "entries": "array<int64>", "shift": "string", "about": "string", "score": "float64", "p_value": "float64",
        "tests": "int64", "evidence": "map<string, string>", "message": "string",
    }
)  # fmt: skip
MOST_ENTRIES = 20
"""Of a group no more entries than this are listed; the evidence tells how many there are."""
MOST_LEVEL = 0.2
"""The highest level that can be asked for: a check may leave out tests whose p-value is above it."""
NOT_STATED = "not stated"


def given(tables: Tables, rows: Sequence[dict[str, object]]) -> ir.Table:
    """A few findings that were made in Python; fields that a row leaves out are absent, evidence is a dict of texts."""
    shape = FOUND.to_pyarrow()
    filled = [{name: _plain(row.get(name)) for name in FOUND.names} for row in rows]
    return tables.given(pa.Table.from_pylist(filled, schema=shape), FOUND)


def _plain(value: object) -> object:
    return list(value.items()) if isinstance(value, dict) else value


def plain(number: Decimal) -> str:
    """A decimal as exact text, without trailing zeros."""
    return f"{number.normalize():f}"


def nothing(tables: Tables) -> ir.Table:
    """No finding."""
    return given(tables, [])


def is_empty(table: ir.Table) -> bool:
    """Whether a table has no row, for as little as it takes to find out."""
    return len(collect(table.limit(1))) == 0


def text(value: ir.Value) -> ir.StringValue:
    """A value as exact text: decimals without trailing zeros, moments to the minute where they are whole minutes."""
    kind = value.type()
    if kind.is_decimal() and kind.scale:
        return value.cast("string").re_replace(r"\.?0+$", "")
    if kind.is_timestamp():
        return value.cast("string").re_replace(r"(:00)?(\.0*)?$", "")
    return value if kind.is_string() else value.cast("string")


def evidence(**values: ir.Value | str) -> ir.MapValue:
    """The numbers of a finding by name; what is absent is not stated."""
    names = [ibis.literal(name) for name in values]
    return ibis.map(ibis.array(names), ibis.array([_told(value) for value in values.values()]))


def said(sentence: str, **values: ir.Value | str) -> ir.StringValue:
    """A sentence in which `{name}` stands for the text of a value."""
    parts = re.split(r"\{(\w+)\}", sentence)
    whole = ibis.literal(parts[0])
    for name, rest in zip(parts[1::2], parts[2::2], strict=True):
        whole = whole + _told(values[name]) + ibis.literal(rest)
    return whole


def _told(value: ir.Value | str) -> ir.StringValue:
    return ibis.literal(value) if isinstance(value, str) else ibis.coalesce(text(value), NOT_STATED)


def finding(
    table: ir.Table, *, entry: ir.Value, message: ir.Value, evidence: ir.Value, entries: ir.Value | None = None,
    shift: ir.Value | None = None, about: ir.Value | None = None, score: ir.Value | None = None,
    p_value: ir.Value | None = None, tests: ir.Value | None = None,
) -> ir.Table:  # fmt: skip
    """The columns of `FOUND` from expressions over a table; `entries` is the one entry unless given."""
    parts = {
        "entry": entry, "entries": ibis.array([entry]) if entries is None else entries, "shift": shift, "about": about, "score": score,
        "p_value": p_value, "tests": tests, "evidence": evidence, "message": message,
    }  # fmt: skip
    return table.select(
        **{name: (ibis.null(kind) if parts[name] is None else parts[name].cast(kind)) for name, kind in FOUND.items()}
    )


def named(rows: ir.Table, tables: Tables) -> ir.Table:
    """Adds words for people: `who` (worker or crew by name, else by id), `what` (the job's name), `unit`, and `where` (the site's name)."""
    rows = rows.view()
    worker = latest(tables.worker, "worker").select(of_worker="key", worker_name="name")
    crew = latest(tables.crew, "crew").select(of_crew="key", crew_name="name")
    job = tables.job.select(of_job="key", what="name", unit="unit")
    site = tables.site.select(of_site="key", where="name")
    joined = (
        rows.left_join(worker, rows.party_key == worker.of_worker)
        .left_join(crew, rows.party_key == crew.of_crew)
        .left_join(job, rows.job_key == job.of_job)
        .left_join(site, rows.site_key == site.of_site)
    )
    who = ibis.coalesce(worker.worker_name, crew.crew_name, rows.worker, rows.crew)
    what, where = ibis.coalesce(job.what, rows.job), ibis.coalesce(site.where, rows.site)
    return joined.select(*(rows[name] for name in rows.columns), who=who, what=what, unit=job.unit, where=where).view()
