"""uncredited-help: one person is credited with what only several can do.

    quantity > 1.4 × the best that one person had done before, for a mark of one worker without a stated helper; and where hours are
    known on both sides, quantity per hour > 1.4 × the best per hour

What one person has done is the quantity of a worker without helpers, and of crews and of workers with helpers the share of a head
(quantity × hours ÷ labour hours, or ÷ headcount where no hours are known; not of a crew of whom one is known): so a mark is no finding
where a member of a crew does as much. A mark is a shift that yielded more than every earlier one of the job's single class. The score is
how many times the best it is; as many people, rounded up, must have shared the work if none was faster than the best before.

A mark in doubt does not raise the bar for those that follow: else the first staged shift would vouch for all others, of which each needs
to go only a little further. It raises the bar once a verdict has verified it or adjusted its figures. After an honest leap (a new
machine, a new practice) each further mark is doubted, until one is verified.

The best before must mean something: either 20 shifts without a stated helper came before, or one of which it was stated that nobody
helped, or that was verified. The threshold is a convention, not a test: in a book of honest work marks advance by small steps once there
are some, 1.4 is two people where there was talk of one, less what people differ by. It cannot see help that was spread thin, nor jobs in
which less is better, nor a staged first mark.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np

from ...tables import Tables, collect
from ..attainment import judged
from .found import given, is_empty, named, plain

CODE = "uncredited-help"
HELP = "one person is credited with what only several can do"
FAMILY = False
FAR = 1.4
ENOUGH = 20
MESSAGE = (
    "{who} is credited alone with {quantity} {unit} ({what}), {times:.2f} times the {best} {unit} that one person had done at best before. "
    "It fits if at least {people} people shared the work; {helpers}.{doubted}"
)
DOUBTED = " Higher marks before it are in doubt themselves and do not count ({many})."


@dataclass(frozen=True)
class Doubt:
    """A mark in doubt: its entry, the best before it and whose entry that is, and how many marks in doubt lie between."""

    entry: int
    best: float
    best_entry: int
    between: int


def find(tables: Tables) -> ir.Table:
    """One row per mark of the single class that one person can hardly have set."""
    feats = tables.kept(_feats(tables))
    first = tables.kept(_first_leaps(feats))
    if is_empty(first):
        return given(tables, [])
    doubts = {doubt.entry: doubt for columns in _after(feats, first) for doubt in doubted(**columns)}
    shifts = judged(tables).select(
        "entry", "id", "worker", "crew", "job", "site", "job_key", "site_key", "party_key", "quantity"
    )
    stated = tables.shift.select(of_entry="entry", helpers_stated=tables.shift.helper_count.notnull())
    shifts = named(shifts.filter(shifts.entry.isin(list(doubts))), tables)
    rows = collect(shifts.join(stated, shifts.entry == stated.of_entry).order_by("entry")).to_pylist()
    return given(tables, [_told(row, doubts[row["entry"]]) for row in rows])


def _feats(tables: Tables) -> ir.Table:
    """What one person did in each shift: `amount`, and `rate` an hour where hours are known; in the order of a job's shifts (`turn`).

    `settled` is a shift on which a verdict has been given, `firm` one that tells what a person alone can do.
    """
    shifts = judged(tables)
    counts = (shifts.status != "annulled") & ~shifts.long & ~ibis.coalesce(shifts.lower, False) & (shifts.quantity > 0)
    shifts = shifts.filter(counts & (~shifts.by_crew | ibis.coalesce(shifts.headcount > 1, False)))
    stated = tables.shift.select(of_entry="entry", none=ibis.coalesce(tables.shift.helper_count == 0, False))
    shifts = shifts.join(stated, shifts.entry == stated.of_entry)
    quantity, hours = shifts.quantity.cast("float64"), shifts.hours.cast("float64").nullif(0)
    shared = quantity * hours / shifts.labour_hours.cast("float64").nullif(0)
    by_head = quantity / ibis.ifelse(shifts.by_crew, shifts.headcount.cast("float64").nullif(0), ibis.null("float64"))
    amount = ibis.ifelse(shifts.single, quantity, ibis.coalesce(shared, by_head))
    settled = shifts.status.isin(["verified", "adjusted"])
    feats = shifts.select(
        "entry", "job_key", "single", "started", vague=shifts.precision.notnull(), place=shifts.first_entry, amount=amount,
        rate=amount / hours, settled=settled, firm=shifts.single & (shifts.none | settled),
    )  # fmt: skip
    feats = feats.filter(feats.amount.notnull())
    inorder = ibis.window(group_by="job_key", order_by=[feats.started, feats.vague, feats.place])
    return feats.mutate(turn=ibis.row_number().over(inorder)).drop("started", "vague", "place")


def _first_leaps(feats: ir.Table) -> ir.Table:
    """Of each job the first shift that goes far beyond what one person had done, with what that was (`best`, `best_rate`)."""
    earlier = {"group_by": "job_key", "order_by": "turn", "rows": (None, -1)}
    table = feats.mutate(
        best=feats.amount.max().over(**earlier), best_rate=feats.rate.max().over(**earlier),
        before=feats.single.cast("int64").sum().over(**earlier), firm_before=feats.firm.cast("int64").max().over(**earlier),
    )  # fmt: skip
    enough = ibis.coalesce(table.firm_before == 1, False) | (table.before >= ENOUGH)
    far = (table.amount > FAR * table.best) & ibis.coalesce(table.rate > FAR * table.best_rate, True)
    leaps = table.filter(table.single & ~table.settled & enough & far)
    return leaps.group_by(of_job="job_key").agg(
        first=leaps.turn.min(), best=leaps.best.argmin(leaps.turn), best_rate=leaps.best_rate.argmin(leaps.turn)
    )


def _after(feats: ir.Table, first: ir.Table) -> Iterator[dict[str, np.ndarray]]:
    """Per job the columns of everything that goes beyond the best before its first leap, and of that best itself, in their order."""
    joined = feats.join(first, feats.job_key == first.of_job)
    beyond = (joined.amount >= joined.best) | ibis.coalesce(joined.rate >= joined.best_rate, False)
    told = collect(
        joined.filter(beyond).select("job_key", "turn", "entry", "single", "settled", "amount", "rate", "first")
    )
    columns = {name: told[name].to_numpy(zero_copy_only=False) for name in told.column_names}
    order = np.lexsort([columns["turn"], columns["job_key"]])
    columns = {name: values[order] for name, values in columns.items()}
    for rows in np.split(np.arange(len(order)), np.flatnonzero(np.diff(columns["job_key"])) + 1):
        job = {name: values[rows] for name, values in columns.items()}
        yield {name: job[name] for name in ("entry", "single", "settled", "amount", "rate")} | {
            "leaping": job["turn"] >= job["first"]
        }


def doubted(
    entry: np.ndarray,
    single: np.ndarray,
    settled: np.ndarray,
    amount: np.ndarray,
    rate: np.ndarray,
    leaping: np.ndarray,
) -> list[Doubt]:
    """The marks in doubt among the shifts of one job in their order. `leaping` from where doubts may be raised; a rate may be NaN.

    Each step goes to the next shift that raises the bar or is a mark in doubt, so there are few.
    """
    doubts: list[Doubt] = []
    in_doubt: list[float] = []
    best, best_rate, best_entry, top, at = 0.0, 0.0, -1, 0.0, 0
    while at < len(entry):
        here = slice(at, None)
        far = (amount[here] > FAR * best) & (np.isnan(rate[here]) | (rate[here] > FAR * best_rate))
        doubtful = far & single[here] & ~settled[here] & leaping[here]
        raising = ~doubtful & ((amount[here] > best) | (rate[here] > best_rate))
        mark = doubtful & (amount[here] > top)
        if not (raising | mark).any():
            break
        at += int(np.argmax(raising | mark))
        if mark[at - here.start]:
            doubts.append(Doubt(int(entry[at]), float(best), best_entry, sum(one > best for one in in_doubt)))
            in_doubt.append(float(amount[at]))
        else:
            best_entry = int(entry[at]) if amount[at] > best else best_entry
            best, best_rate = max(best, amount[at]), np.nanmax([best_rate, rate[at]])
        top = max(top, amount[at]) if single[at] else top
        at += 1
    return doubts


def _told(row: dict[str, Any], doubt: Doubt) -> dict[str, object]:
    """The finding about a mark."""
    times = float(row["quantity"]) / doubt.best
    people = max(math.ceil(times), 2)
    numbers = {
        "quantity": plain(row["quantity"]), "unit": row["unit"], "best_before": f"{doubt.best:.9g}", "best_entry": str(doubt.best_entry),
        "times": f"{times:.3f}", "people": str(people), "helpers": "none" if row["helpers_stated"] else "not stated",
        "marks_in_doubt_between": str(doubt.between),
    }  # fmt: skip
    helpers = "it is stated that nobody helped" if row["helpers_stated"] else "it is not stated whether anybody helped"
    told = {"times": times, "best": numbers["best_before"], "helpers": helpers, "who": row["who"], "what": row["what"]}
    message = MESSAGE.format(**numbers | told, doubted=DOUBTED.format(many=doubt.between) if doubt.between else "")
    return {
        "entry": row["entry"], "entries": [row["entry"], doubt.best_entry], "shift": row["id"], "score": times, "evidence": numbers,
        "message": message,
    }  # fmt: skip
