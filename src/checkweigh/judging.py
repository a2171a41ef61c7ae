"""Judging: which shift is meant, who may rule on it, and what has been ruled so far.

Whoever entered a shift does not judge it, unless they say openly that they do. The rule is the edge's, and the ledger does not know it:
it knows logins, not the people behind them. What the ledger records is who entered the one and who the other, so everybody can see a
verdict on one's own shift, however it came in.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from . import codec
from .entries import Entry
from .errors import Refused
from .kinds import Shift, Verdict
from .ledger import Ledger


@dataclass(frozen=True)
class Ruled:
    """One verdict on a shift.

    It is `standing` when it is neither replaced nor void, `counts` when it is the last that stands, and is `own` when whoever entered the
    shift made it.
    """

    entry: int
    verdict: Verdict
    standing: bool
    counts: bool
    own: bool


def shift_named(ledger: Ledger, named: str) -> str:
    """The id of the shift that is named by it, or by the index of its entry. Raises Refused where there is none."""
    if ledger.find("shift", named):
        return named
    if named.isdecimal() and int(named) < ledger.size:
        entry = codec.decode(ledger.entry(int(named)))
        if isinstance(entry, Shift):
            return entry.id
        raise Refused(f"entry {named} is no shift; `checkweigh log {ledger.address.typed} --kind shift` lists them")
    raise Refused(f"there is no shift {named!r}; `checkweigh log {ledger.address.typed} --kind shift` lists them")


def shifts_named(ledger: Ledger, named: str) -> list[str]:
    """One shift, or several with commas between them, each once."""
    if "," not in named or ledger.find("shift", named):
        return [shift_named(ledger, named)]
    return list(dict.fromkeys(shift_named(ledger, one.strip()) for one in named.split(",")))


def verdicts(
    ledger: Ledger, shift: str, size: int | None = None, reports: Mapping[int, Entry] | None = None
) -> list[Ruled]:
    """Every verdict on a shift, in the order in which they count, as known at a size (default: now).

    `reports` are those of the shift, where the caller has them.
    """
    known = [(index, entry) for index, entry in _entries(ledger, "verdict", shift) if size is None or index < size]
    found = {index: entry for index, entry in known if isinstance(entry, Verdict)}
    replaced = {entry.replaces for entry in found.values()}
    standing = [index for index, entry in found.items() if index not in replaced and not entry.void]
    last = max(standing, key=lambda index: _place(found, index), default=None)
    makers = entered_by(ledger, shift) if reports is None else makers_of(reports)
    return [
        Ruled(index, found[index], index in standing, index == last, found[index].by in makers)
        for index in sorted(found, key=lambda index: (_place(found, index), index))
    ]


def _place(found: dict[int, Verdict], index: int) -> int:
    """The index of the first verdict of which this one is a replacement."""
    while (before := found[index].replaces) is not None and before in found:
        index = before
    return index


def reports(ledger: Ledger, shift: str) -> dict[int, Entry]:
    """The entries of a shift, by their index: how it was reported, how corrected, and whether it was withdrawn."""
    return dict(_entries(ledger, "shift", shift))


def entered_by(ledger: Ledger, shift: str) -> set[str]:
    """Who entered a shift, or a correction of it."""
    return makers_of(reports(ledger, shift))


def makers_of(reports: Mapping[int, Entry]) -> set[str]:
    """Who made some entries of a shift."""
    return {entry.by for entry in reports.values()}


def _entries(ledger: Ledger, kind: str, name: str) -> list[tuple[int, Entry]]:
    return [(index, codec.decode(entry)) for index, entry in ledger.entries_of(kind, name)]


def check(ledger: Ledger, shift: str, ruling: str, by: str, own: bool = False) -> None:
    """Raises Refused where there is nothing to withdraw, or where somebody judges what they entered without saying so (`own`).

    A demonstration, whose entries are all made by one hand, is not troubled by the second.
    """
    if ruling == "withdrawn":
        _check_withdrawal(ledger, shift)
    if by in entered_by(ledger, shift) and not own and not ledger.demonstration:
        raise Refused(
            f"{by} entered shift {shift} and would judge their own entry; let somebody else judge it, or say so openly with "
            "`checkweigh judge ... --own`: the verdict then shows it for good"
        )


def _check_withdrawal(ledger: Ledger, shift: str) -> None:
    last = next((one for one in verdicts(ledger, shift) if one.counts), None)
    if last is None:
        raise Refused(f"shift {shift} is reported, and no verdict on it stands: there is nothing to withdraw")
    if last.verdict.ruling == "withdrawn":
        raise Refused(f"shift {shift} is reported: entry {last.entry} has withdrawn the verdict already")
