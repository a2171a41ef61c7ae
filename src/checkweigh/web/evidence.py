"""Evidence in pictures: a claim in the tail of its job, beside its own history, among its neighbours, at the quota, and against counts.

Every figure is one of a derivation; here it is only decided which shifts stand beside a claim.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import ibis
import numpy as np

from .. import charts
from ..derived import DERIVED
from ..errors import Refused
from ..tables import collect
from . import saying
from .live import Known, Row
from .pictures import Picture, picture

HIGHEST, EARLIER, DAYS = 200, 250, 15
"""So many of the highest shifts of a job, of a party's earlier ones, and of the days around a claim are drawn."""
FEWEST, FEWEST_NEAR = 3, 20
"""Below so many shifts there is nothing to see; so many near the quota."""
REACH = Decimal("0.25")
"""How far from the quota attainments are drawn, in hundredths."""


def pictures(known: Known, claim: Row, findings: list[Row]) -> list[Picture]:
    """The pictures for which there is enough to see. `claim` is a row of attainment, `findings` are those of the count."""
    unit, who, shift = _unit(known, claim["job"]), claim["worker"] or claim["crew"], claim["id"]
    found = []
    if len(_history(known, claim)) > FEWEST:
        found.append(Picture.of(known, "own-history", f"Shift {shift} beside the earlier ones of {who}", shift=shift))
    if len(_near(known, claim)) > FEWEST:
        alt = f"Shift {shift} among those of the same job and site within {DAYS} days"
        found.append(Picture.of(known, "neighbours", alt, shift=shift))
    if _tail(known, claim):
        found.append(
            Picture.of(
                known, "tail", f"Shift {shift} among the highest of its job, in {saying.plural(unit)}", shift=shift
            )
        )
    if sum(row["shifts"] for row in _bins(known, claim["site"])) >= FEWEST_NEAR:
        alt = f"How the attainments of {known.name_of('site', claim['site'])} lie beside the quota"
        found.append(Picture.of(known, "bunching", alt, site=claim["site"]))
    if findings:
        entries = ",".join(str(row["entry"]) for row in findings)
        alt = "What was counted independently beside what the shifts add up to"
        found.append(Picture.of(known, "count-against-sum", alt, counts=entries, job=claim["job"]))
    return found


def counted(findings: list[Row], claim: Row) -> list[Row]:
    """Of the findings of counts those of the site and job of a claim, whose time holds it."""
    alike = [row for row in findings if (row["site"], row["job"]) == (claim["site"], claim["job"])]
    return [row for row in alike if _holds(dict(row["evidence"]), claim["started"])]


def _holds(evidence: dict[str, str], started: datetime) -> bool:
    since, until = (datetime.fromisoformat(evidence[name]).replace(tzinfo=None) for name in ("since", "until"))
    return since <= started.replace(tzinfo=None) < until


def _claim(known: Known, shift: str) -> Row:
    found = known.rows("attainment", {"id": shift})
    if not found:
        raise Refused(f"there is no shift {shift!r} in this state of the ledger")
    return found[0]


def _unit(known: Known, job: str) -> str:
    found = known.rows("job", {"id": job}, limit=1)
    return str(found[0]["unit"]) if found else ""


def _history(known: Known, claim: Row) -> list[Row]:
    """The party's shifts of the job up to the claim, the latest of them."""
    party = {name: claim[name] for name in ("worker", "crew")}
    rows = known.rows("attainment", {**party, "job": claim["job"]}, order=["-started"])
    return [row for row in rows if row["started"] <= claim["started"]][: EARLIER + 1][::-1]


def _near(known: Known, claim: Row) -> list[Row]:
    days = [claim["day"] + timedelta(days=off) for off in range(-DAYS, DAYS + 1)]
    return known.rows(
        "attainment", {"site": claim["site"], "job": claim["job"], "day": days}, order=["started"], limit=2000
    )


def _tail(known: Known, claim: Row) -> list[Row]:
    """The highest shifts of the job, the highest first; nothing where less is better, or where the claim is not among them."""
    job = known.rows("job", {"id": claim["job"]}, limit=1)
    if not job or job[0]["better"] == "lower":
        return []
    rows = known.rows("attainment", {"job": claim["job"]}, order=["-quantity"], limit=HIGHEST)
    return rows if len(rows) > FEWEST and any(row["id"] == claim["id"] for row in rows) else []


def _bins(known: Known, site: str) -> list[Row]:
    """How many attainments of a site lie in each hundredth within a quarter of the quota."""
    with known.deriving() as tables:
        shifts = DERIVED["attainment"].derive(tables)
        near = shifts.filter(shifts.site == site, shifts.attainment >= 1 - REACH, shifts.attainment < 1 + REACH)
        bins = near.group_by(bin=(near.attainment * 100).floor().cast("int64")).agg(shifts=near.count())
        found = {row["bin"]: row["shifts"] for row in collect(bins.order_by(ibis.asc("bin"))).to_pylist()}
    return [
        {"from": Decimal(at) / 100, "below": Decimal(at + 1) / 100, "shifts": found.get(at, 0), "expected": None}
        for at in range(75, 125)
    ]


@picture("own-history")
def _own_history(known: Known, width: int, *, shift: str) -> "charts.Chart":
    claim = _claim(known, shift)
    rows = _history(known, claim)
    before = [float(row["quantity"]) for row in rows if row["id"] != shift]
    low, usual, high = (Decimal(f"{one:.3f}") for one in np.percentile(before or [0], [10, 50, 90]))
    drawn: list[dict[str, Any]] = [
        {
            "on": row["day"], "value": row["quantity"], "low": low, "usual": usual, "high": high, "claim": row["id"] == shift,
            "shift": row["id"],
        }
        for row in rows
    ]  # fmt: skip
    who = known.name_of("worker", claim["worker"]) if claim["worker"] else known.name_of("crew", claim["crew"])
    return charts.own_history(drawn, title=f"{who} so far", unit=_unit(known, claim["job"]), width=width)


@picture("neighbours")
def _neighbours(known: Known, width: int, *, shift: str) -> "charts.Chart":
    claim = _claim(known, shift)
    drawn = [
        {
            "value": row["quantity"], "claim": row["id"] == shift, "who": row["worker"] or row["crew"], "shift": row["id"],
            "group": "the same day" if row["day"] == claim["day"] else f"± {DAYS} days",
        }
        for row in sorted(_near(known, claim), key=lambda row: row["day"] != claim["day"])
    ]  # fmt: skip
    return charts.neighbours(
        drawn, title="Same job, same site, same weeks", unit=_unit(known, claim["job"]), width=width
    )


@picture("tail")
def _tail_drawn(known: Known, width: int, *, shift: str) -> "charts.Chart":
    claim = _claim(known, shift)
    rows = _tail(known, claim)
    drawn = [
        {"value": row["quantity"], "at_least": sum(other["quantity"] >= row["quantity"] for other in rows), "claim": row["id"] == shift,
         "shift": row["id"], "who": row["worker"] or row["crew"], "on": row["day"]}
        for row in rows
    ]  # fmt: skip
    return charts.tail(
        drawn,
        title=f"The highest of the job {known.name_of('job', claim['job'])}",
        unit=_unit(known, claim["job"]),
        width=width,
    )


@picture("bunching")
def _bunching(known: Known, width: int, *, site: str) -> "charts.Chart":
    return charts.bunching(
        _bins(known, site), title=f"Attainments of {known.name_of('site', site)} beside the quota", width=width
    )


@picture("count-against-sum")
def _counts(known: Known, width: int, *, counts: str, job: str) -> "charts.Chart":
    entries = [int(one) for one in counts.split(",") if one.isdecimal()]
    drawn = []
    for row in known.rows("findings", {"entry": entries}, check="count-mismatch"):
        told = dict(row["evidence"])
        sums = {name: Decimal(told[name]) for name in ("least", "most", "tolerance")}
        drawn.append({"at": f"{told['since'][:10]}, entry {row['entry']}", "counted": Decimal(told["count"]), **sums})
    return charts.counts(drawn, title="The count against the sum", unit=_unit(known, job), width=width)
