"""The figures of a shift: quantity and hours as judged, expected from its quota, attainment, labour attainment, status."""

from collections.abc import Iterable
from typing import Any

import ibis

from ..derived import DERIVED, attainment, demands
from ..kinds import Quota, Shift, Verdict
from ..render import text
from ..tables import Tables, collect
from .tree import Book, Leaf, Node, equation, joined, leaves

Row = dict[str, Any]
FIGURES = (
    "attainment",
    "labour_attainment",
    "quantity",
    "expected",
    "hours",
    "headcount",
    "labour_hours",
    "holder",
    "status",
)
HOLDS = {
    "single": "one worker, no helper is stated, and no more labour hours than the worker's own",
    "crew": "a crew, or a worker with a stated helper or more labour hours than the worker's own",
}


def rows(book: Book, entries: Iterable[int]) -> dict[int, Row]:
    """The figures of some shifts by the index of their entry: those of `attainment`, and what they are made of."""
    missing = [index for index in dict.fromkeys(entries) if ("shift", index) not in book.memory]
    if missing:
        some = _of(book.tables, missing)
        made = collect(attainment.judged(some)).to_pylist()
        told = {row["entry"]: row for row in collect(attainment.derive(some)).to_pylist()}
        for row in made:
            book.memory["shift", row["entry"]] = row | told[row["entry"]]
    return {index: row for index in entries if (row := book.memory.get(("shift", index))) is not None}


def _of(tables: Tables, entries: list[int]) -> Tables:
    """The tables with these shifts only: what they are judged by is all there."""
    return tables.with_shifts(tables.kept(tables.shift.filter(tables.shift.entry.isin(entries))))


def node(book: Book, row: Row, name: str) -> Node:
    """One figure of a shift."""
    made = {
        "attainment": _attainment, "labour_attainment": _labour_attainment, "expected": _expected, "labour_hours": _labour_hours,
        "quantity": _as_judged, "hours": _as_judged, "headcount": _headcount, "status": _status, "holder": _holder,
    }.get(name, _plain)  # fmt: skip
    return made(book, row, name)


def _node(row: Row, name: str, says: str, numbers: str = "", parts: Iterable[Node | Leaf] = ()) -> Node:
    return Node(name, row[name], says, numbers, tuple(parts), table="attainment", key={"id": row["id"]})


def _plain(book: Book, row: Row, name: str) -> Node:
    """What stands in the shift itself, or follows from its site."""
    return _node(row, name, DERIVED["attainment"].columns.get(name, ""), parts=leaves(book, row["entry"], "the shift"))


def _shift(book: Book, row: Row) -> Shift:
    entry = book.entry(row["entry"])
    assert isinstance(entry, Shift)
    return entry


def _verdict(book: Book, row: Row) -> Verdict | None:
    entry = None if row["verdict"] is None else book.entry(row["verdict"])
    return entry if isinstance(entry, Verdict) else None


def _as_judged(book: Book, row: Row, name: str) -> Node:
    """A figure as reported, or as the verdict that counts states it."""
    verdict, reported = _verdict(book, row), getattr(_shift(book, row), name)
    whole = leaves(book, row["entry"], "the shift")
    if verdict is not None and getattr(verdict, name) is not None:
        of = leaves(book, row["verdict"], "the verdict that counts")
        return _node(
            row, name, f"as the verdict states it; {text(reported) or 'nothing'} was reported", parts=(*of, *whole)
        )
    return _node(row, name, "as reported" if reported is not None else "not stated", parts=whole)


def _headcount(book: Book, row: Row, name: str) -> Node:
    if not row["by_crew"]:
        return _node(row, name, "a worker counts as one", parts=leaves(book, row["entry"], "the shift"))
    verdict = _verdict(book, row)
    if _shift(book, row).headcount is not None or (verdict is not None and verdict.headcount is not None):
        return _as_judged(book, row, name)
    version = _crew_version(book, row)
    return _node(
        row, name, "as many as the crew was on that day", parts=leaves(book, version, "the crew as of that day")
    )


def _crew_version(book: Book, row: Row) -> int | None:
    """The entry of the crew's version on the day of the shift, as the derivation finds its headcount."""
    cells, crew = demands.crews(book.tables), book.tables.crew
    day = ibis.date(row["day"].isoformat())
    asked = cells.filter(
        cells.of_crew == row["party_key"], cells.in_month == row["month"], cells.starts <= day, cells.ends > day
    )
    found = collect(
        asked.inner_join(crew, [asked.of_crew == crew.key, asked.starts == crew["from"]]).select(crew.entry)
    ).to_pylist()
    return found[0]["entry"] if found else None


def _expected(book: Book, row: Row, name: str) -> Node:
    if row["quota_entry"] is None:
        return _node(
            row, name, "no quota applies, so nothing is expected", parts=leaves(book, row["entry"], "the shift")
        )
    quota = book.entry(row["quota_entry"])
    assert isinstance(quota, Quota)
    of = leaves(book, row["quota_entry"], chosen(book, row, quota))
    words, numbers = ["what the quota asks"], [text(quota.quantity)]
    parts: list[Node | Leaf] = [*of]
    if quota.hours is not None:
        words[0] += f" for {quota.hours} h"
        numbers += [f"× {text(row['hours'])} ÷ {quota.hours}"]
        words += [f"× hours ÷ {quota.hours}"]
        parts.append(node(book, row, "hours"))
    else:
        words[0] += " for one shift"
    if quota.per == "worker" and row["by_crew"]:
        words, numbers = [*words, "× headcount"], [*numbers, f"× {text(row['headcount'])}"]
        parts.append(node(book, row, "headcount"))
    if row["expected"] is None:
        return _node(row, name, f"{_why_absent(row, quota)}", parts=parts)
    formula = "" if len(numbers) == 1 else " ".join(numbers)
    return _node(row, name, " ".join(words), equation(formula, row["expected"]), parts)


def _why_absent(row: Row, quota: Quota) -> str:
    if quota.hours is None and row["long"]:
        return "the quota is for one shift, and this is a report of more than 24 hours"
    if quota.hours is not None and row["hours"] is None:
        return "the quota is for so many hours, and the hours are not stated"
    return "the headcount is not stated" if row["headcount"] is None else "the figure does not fit"


def chosen(book: Book, row: Row, quota: Quota) -> str:
    """By which rule this quota judges the shift."""
    after = ", recorded after the shift" if row["quota_after_shift"] else ""
    if _shift(book, row).quota == quota.id:
        return f"the quota that the shift names{after}"
    named = [name for name, held in (("the party", quota.worker or quota.crew), ("the site", quota.site)) if held]
    which = " and ".join(named) if named else "neither party nor site"
    return f"the latest quota of the job that names {which}{after}"


def _attainment(book: Book, row: Row, name: str) -> Node:
    parts = (node(book, row, "quantity"), node(book, row, "expected"))
    says = "expected ÷ quantity, since less is better" if row["lower"] else "quantity ÷ expected"
    if row[name] is None:
        why = "nothing is expected" if row["expected"] is None else "the quotient does not exist or does not fit"
        return _node(row, name, f"{why}", parts=parts)
    above, below = ("expected", "quantity") if row["lower"] else ("quantity", "expected")
    return _node(row, name, says, equation(f"{text(row[above])} ÷ {text(row[below])}", row[name]), parts)


def _labour_attainment(book: Book, row: Row, name: str) -> Node:
    if row["alone"]:
        return _node(
            row, name, "nobody else worked on it: the attainment itself", parts=[node(book, row, "attainment")]
        )
    parts = (node(book, row, "attainment"), _own(book, row), node(book, row, "labour_hours"))
    if row[name] is None:
        return _node(row, name, "attainment, own hours or labour hours are not known", parts=parts)
    above, below = ("expected", "quantity") if row["lower"] else ("quantity", "expected")
    numbers = f"{text(row[above])} × {text(row['own'])} ÷ ({text(row[below])} × {text(row['labour_hours'])})"
    return _node(row, name, "attainment × own hours ÷ labour hours, divided once", equation(numbers, row[name]), parts)


def _own(book: Book, row: Row) -> Node:
    if not row["by_crew"]:
        return Node("own hours", row["own"], "hours of the worker", parts=(node(book, row, "hours"),))
    numbers = equation(f"{text(row['hours'])} × {text(row['headcount'])}", row["own"])
    return Node(
        "own hours", row["own"], "hours × headcount", numbers, (node(book, row, "hours"), node(book, row, "headcount"))
    )


def _labour_hours(book: Book, row: Row, name: str) -> Node:
    verdict, shift = _verdict(book, row), _shift(book, row)
    ruled = verdict is not None and verdict.helpers is not None
    helpers = (verdict.helpers if verdict is not None and verdict.helpers is not None else shift.helpers) or ()
    by = leaves(book, row["verdict"] if ruled else row["entry"], "the verdict that counts" if ruled else "the shift")
    if shift.labour_hours is not None and not ruled:
        return _node(row, name, "the total as stated, own hours included", parts=by)
    if not helpers:
        return _node(row, name, "own hours: no helper is stated", parts=(_own(book, row), *by))
    named = ", ".join(f"{one.worker} {one.hours}" + (f" ({one.role})" if one.role else "") for one in helpers)
    help = Node("helpers' hours", None, f"as {'the verdict' if ruled else 'the shift'} states them: {named}", parts=by)
    numbers = (
        equation(joined([row["own"], *(one.hours for one in helpers)], "+", 20), row[name])
        if row["own"] is not None
        else ""
    )
    return _node(row, name, "own hours + helpers' hours", numbers, (_own(book, row), help))


def _holder(book: Book, row: Row, name: str) -> Node:
    parts = () if row["by_crew"] else (node(book, row, "labour_hours"),)
    return _node(row, name, HOLDS[row[name]], parts=(*parts, *leaves(book, row["entry"], "the shift")))


def _status(book: Book, row: Row, name: str) -> Node:
    """Every verdict on the shift, and every objection to it."""
    verdict, objection = book.tables.verdict, book.tables.objection
    ruled = collect(
        verdict.filter(verdict.shift == row["id"]).order_by("first_entry").select("entry", "ruling")
    ).to_pylist()
    against = [leaf.entry for leaf in leaves(book, row["entry"], "")] + [one["entry"] for one in ruled]
    doubts = collect(objection.filter(objection.against.isin(against)).order_by("entry").select("entry")).to_pylist()
    parts: list[Leaf] = []
    for one in ruled:
        which = "the verdict that counts" if one["entry"] == row["verdict"] else "an earlier verdict"
        parts += leaves(book, one["entry"], f"{which}: {one['ruling']}")
    parts += [leaf for one in doubts for leaf in leaves(book, one["entry"], "an objection")]
    says = "as the last verdict rules" if ruled else "nobody has ruled on it"
    return _node(row, name, says, parts=parts or leaves(book, row["entry"], "the shift"))
