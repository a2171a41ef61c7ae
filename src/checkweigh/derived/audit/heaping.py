"""heaping: quantities that look made up rather than read off: last digits that do not come evenly, and weeks that come again.

Per person who enters and job, two tests. The last digits of quantities against uniform (`digits`: χ²; where even digits can be expected,
and a finding only if at least 5 of 100 figures would have to end otherwise); the score is that share in percent. And the same run of
quantities of six shifts again on other days (`copies`, where the bound on the probability stands); the score is how many runs are copied.
Each job of a person with at least 100 shifts makes two tests.

Figures are as reported, since it is about who wrote them. Left out are the same figure again on the same day and the figures of people
whose output is steady (`digits.telling`), quantities of exactly the quota (they are for `bunching`), and quantities with more than three
decimal places: those are the result of a calculation. The last place is the one to which 99 of 100 quantities go; jobs of which more are
calculated are not tested for digits.

It cannot tell rounding by habit from invention: both are doubts about the figures, and the evidence says which digits come too often. It
cannot see figures that are made up by somebody who knows how digits fall.
"""

from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from ...tables import Tables, collect
from ..arithmetic import exact
from ..attainment import judged
from . import copies
from .digits import FEWEST, LEAST_UNEVEN, Digits, of_figures, telling, tested
from .discoveries import can_survive
from .found import MOST_ENTRIES, MOST_LEVEL, given, plain
from .lattice import billionths

CODE = "heaping"
HELP = "quantities that look made up: uneven last digits, copied weeks"
FAMILY = True
PLACES = 3
FIT = 0.99
JOB = ["by", "job_key"]
SIZED = ibis.schema({"by": "string", "job_key": "int64", "step": "int64"})
DIGITS = (
    "{by} entered {figures} quantities of {what} that should end in every digit as often; {most} of 100 end in {digit}. "
    "{uneven:.0f} of 100 would have to end otherwise."
)
COPIES = (
    "{by} entered the quantities {run} ({what}) for six shifts in a row, and the same again on other days. "
    "{copied} runs of six are copied; chance repeats such a run once in {once:.2g} books like this."
)


def find(tables: Tables) -> ir.Table:
    """One row per person and job with uneven last digits, and one per person and job with copied runs."""
    entered = tables.kept(_entered(tables))
    jobs = collect(
        entered.group_by(*JOB).agg(shifts=entered.count(), entry=entered.entry.min()).order_by("by", "entry")
    ).to_pylist()
    jobs = [job for job in jobs if job["shifts"] >= FEWEST]
    names = {row["key"]: row["name"] for row in collect(tables.job.select("key", "name")).to_pylist()}
    rows = [*_digits(entered, names, tables), *_copies(entered, names, tables)]
    large = {(job["by"], job["job_key"]) for job in jobs}
    rows = [row for row in rows if (row["about"], row.pop("job_key")) in large]
    survive = can_survive(np.array([row["p_value"] for row in rows]), 2 * len(jobs))
    return given(tables, [row | {"tests": 2 * len(jobs)} for row, keep in zip(rows, survive, strict=True) if keep])


def _entered(tables: Tables) -> ir.Table:
    """What was entered, and by whom: quantities that are neither nothing nor exactly the quota."""
    shifts, given_by = judged(tables), tables.shift
    shifts = shifts.filter(shifts.status != "annulled").select(
        "entry", "job_key", "party_key", "started", "day",
        met=ibis.coalesce(shifts.quantity.cast("decimal(27, 9)") == shifts.expected, False),
    )  # fmt: skip
    author = given_by.select(of_entry="entry", by="by", quantity="quantity")
    joined = shifts.join(author, shifts.entry == author.of_entry)
    return joined.filter(~joined.met & (joined.quantity > 0)).drop("of_entry", "met")


# ---- last digits


def _digits(entered: ir.Table, names: dict[int, str], tables: Tables) -> list[dict[str, Any]]:
    """The findings about last digits: counted in the engine, and looked at closely where they are uneven."""
    uneven = [row for row in collect(_counted(entered)).to_pylist() if _is_uneven(row)]
    keys = pa.Table.from_pylist(
        [{name: row[name] for name in SIZED.names} for row in uneven], schema=SIZED.to_pyarrow()
    )
    held = entered.inner_join(tables.given(keys, SIZED), JOB)
    held = held.select(
        "by", "job_key", "entry", "party_key", "quantity", "step", day=held.started.epoch_seconds() // 86_400
    )
    table = collect(held.order_by("by", "job_key", "entry"))
    found = []
    for rows in _runs(table["by"].to_numpy(zero_copy_only=False), table["job_key"].to_numpy()):
        found += _looked_at(table.slice(rows[0], len(rows)), names)
    return found


def _is_uneven(row: dict[str, Any]) -> bool:
    counts = np.array([row[f"ends_{digit}"] for digit in range(10)], float)
    return bool(
        counts.sum() >= FEWEST and tested(counts).p_value <= MOST_LEVEL and tested(counts).uneven >= LEAST_UNEVEN
    )


def _runs(*keys: np.ndarray) -> list[np.ndarray]:
    """The rows of each combination of keys in sorted columns."""
    if not len(keys[0]):
        return []
    changes = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    return np.split(np.arange(len(keys[0])), np.flatnonzero(changes) + 1)


def _counted(entered: ir.Table) -> ir.Table:
    """Per person and job: the last place (0 to 3 decimals), and how many quantities end in each digit at it."""
    sized = _with_whole(entered, PLACES)
    fits = {
        f"fits_{places}": (sized.whole % 10 ** (PLACES - places) == 0).cast("int64").sum() for places in range(PLACES)
    }
    place = sized.group_by(*JOB).agg(all=sized.count(), whole=sized.whole.count(), **fits)
    place = place.filter(place.whole >= FIT * place["all"])
    steps = ibis.cases(
        *((place[f"fits_{places}"] >= FIT * place.whole, 10 ** (PLACES - places)) for places in range(PLACES)), else_=1
    )
    joined = sized.join(place.select(*JOB, step=steps.cast("int64")), JOB)
    joined = joined.filter(joined.whole.notnull() & (joined.whole % joined.step == 0))
    last = joined.whole // joined.step % 10
    ends = {f"ends_{digit}": (last == digit).cast("int64").sum().cast("int64") for digit in range(10)}
    return joined.group_by(*JOB, "step").agg(entry=joined.entry.min(), **ends)


def _with_whole(entered: ir.Table, places: int) -> ir.Table:
    """Adds the quantity in units of a decimal place, as a whole number; absent where it has more places."""
    unit = exact(f"{10**-places:.{places}f}", "decimal(18, 9)")
    whole = (entered.quantity.cast("float64") * 10**places).round().cast("int64")
    return entered.mutate(whole=ibis.ifelse(entered.quantity % unit == 0, whole, ibis.null("int64")))


def _looked_at(table: pa.Table, names: dict[int, str]) -> list[dict[str, Any]]:
    """The finding about one person and job, where even digits can be expected and do not come."""
    of = {name: table[name][0].as_py() for name in SIZED.names}
    figures, unit = billionths(table["quantity"]), 10 ** (9 - PLACES) * of["step"]
    fits = (figures > 0) & (figures % unit == 0)
    entries, parties, days = (table[name].to_numpy()[fits] for name in ("entry", "party_key", "day"))
    figures = figures[fits] // unit
    found = of_figures(figures[telling(parties, days, figures)])
    if found is None or found.uneven < LEAST_UNEVEN:
        return []
    return [_told_digits(of, found, entries[:MOST_ENTRIES].tolist(), names)]


def _told_digits(row: dict[str, Any], found: Digits, entries: list[int], names: dict[int, str]) -> dict[str, Any]:
    total = int(found.counts.sum())
    digit = int(found.counts.argmax())
    numbers = {
        "test": "last digits", "job": names[row["job_key"]], "figures": str(total), "chi_square": f"{found.chi_square:.2f}",
        "uneven": f"{found.uneven:.4f}", **{f"end_in_{last}": str(int(count)) for last, count in enumerate(found.counts)},
    }  # fmt: skip
    message = DIGITS.format(
        by=row["by"], figures=total, what=names[row["job_key"]], most=round(100 * found.counts[digit] / total), digit=digit,
        uneven=100 * found.uneven,
    )  # fmt: skip
    return {
        "entry": entries[0], "entries": entries, "about": row["by"], "job_key": row["job_key"], "score": 100 * found.uneven,
        "p_value": found.p_value, "evidence": numbers, "message": message,
    }  # fmt: skip


# ---- copied weeks


def _copies(entered: ir.Table, names: dict[int, str], tables: Tables) -> list[dict[str, Any]]:
    return [_told_copies(row, names) for row in collect(copies.copied(entered, tables)).to_pylist()]


def _told_copies(row: dict[str, Any], names: dict[int, str]) -> dict[str, Any]:
    run = ", ".join(plain(quantity) for quantity in row["quantities"])
    bound = max(row["bound"], 1e-300)
    numbers = {
        "test": "copied runs", "job": names[row["job_key"]], "run": run, "copied": str(row["copied"]), "runs": str(row["runs"]),
        "first_time": str(row["twin"]), "again": str(row["entry"]),
    }  # fmt: skip
    message = COPIES.format(by=row["by"], run=run, what=names[row["job_key"]], copied=row["copied"], once=1 / bound)
    return {
        "entry": row["entry"], "entries": [row["twin"], *row["entries"]], "about": row["by"], "job_key": row["job_key"],
        "score": float(row["copied"]), "p_value": row["bound"], "evidence": numbers, "message": message,
    }  # fmt: skip
