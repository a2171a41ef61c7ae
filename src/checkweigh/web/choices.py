"""Choices: what a form offers, and whom a text means that somebody typed into it."""

import re
from dataclasses import dataclass

from ..errors import BadEntry
from ..people import People, private_path
from . import naming
from .live import Known, Live, Row
from .roles import Who

MOST_OFFERED = 2_000
"""So many workers or crews a form offers; others are entered by their id."""
_NAMED = re.compile(r".*\((?:(?P<kind>worker|crew) )?(?P<id>[^()]+)\)")


@dataclass(frozen=True)
class Choices:
    """What an entry form offers."""

    sites: list[Row]
    """The sites that somebody may enter for: id, name, timezone."""
    jobs: list[Row]
    """The jobs: id, name, unit."""
    parties: list[str]
    """Workers and crews of the site, as they are typed: a name and the id, or the id alone."""


def choices(live: Live, known: Known, who: Who, site: str | None) -> Choices:
    """What somebody may choose from, with the parties of a site."""
    sites = known.rows("site", {"id": who.site} if who.site else None, order=["id"], limit=MOST_OFFERED)
    jobs = known.rows("job", order=["name", "id"], limit=MOST_OFFERED)
    chosen = site or (sites[0]["id"] if len(sites) == 1 else None)
    return Choices(sites, jobs, parties(live, known, who, chosen))


def parties(live: Live, known: Known, who: Who, site: str | None) -> list[str]:
    """Workers of a site (without one: of all) and crews, each under the name last known, as far as somebody may know it."""
    workers = known.rows("worker", {"site": site} if site else None, order=["-first_entry"], limit=MOST_OFFERED)
    crews = known.rows("crew", order=["-first_entry"], limit=MOST_OFFERED)
    names = naming.workers(live, known, who, [row["id"] for row in workers])
    found = {f"worker {row['id']}": typed(names.get(row["id"]), row["id"]) for row in workers}
    found |= {f"crew {row['id']}": typed(row["name"], f"crew {row['id']}") for row in reversed(crews)}
    return sorted(found.values(), key=str.casefold)


def typed(name: str | None, identity: str) -> str:
    """How a worker, or `crew` and its id, stands in a field."""
    return f"{name} ({identity})" if name and name != identity else identity if " " not in identity else f"({identity})"


def party_named(known: Known, text: str) -> tuple[str, str]:
    """Worker or crew, and the id, of whom a text means: an id, a name with the id in brackets, a name, or a payroll number.

    Raises BadEntry where it is nobody, or more than one.
    """
    text = text.strip()
    if (match := _NAMED.fullmatch(text)) and (found := _by_id(known, match["id"].strip(), match["kind"])):
        return found
    found = _by_id(known, text, None) or _by_payroll(known, text)
    if found:
        return found
    named = {(kind, row["id"]) for kind in ("worker", "crew") for row in known.rows(kind, {"name": text}, limit=50)}
    if len(named) == 1:
        return named.pop()
    if named:
        ids = ", ".join(sorted(name for _, name in named))
        raise BadEntry("shift", [("who", text, f"is the name of {len(named)}; write the id: {ids}")])
    raise BadEntry("shift", [("who", text, "is nobody known to this ledger; write the id of a worker or a crew")])


def _by_id(known: Known, name: str, kind: str | None) -> tuple[str, str] | None:
    kinds = (kind,) if kind else ("worker", "crew")
    return next(((one, name) for one in kinds if name and known.ledger.find(one, name)), None)


def _by_payroll(known: Known, number: str) -> tuple[str, str] | None:
    if not private_path(known.ledger.address).exists():
        return None
    with People.open(known.ledger.address) as people:
        worker = people.by_payroll([number]).get(number)
    return ("worker", worker) if worker and known.ledger.find("worker", worker) else None
