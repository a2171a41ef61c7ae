"""What somebody may enter, entry by entry: a right for each kind, and what depends on the entry itself.

Who is of one site enters for that site only; a worker objects to what concerns their own work; nobody judges what they entered.
"""

from collections.abc import Mapping
from typing import Any

from litestar.exceptions import NotAuthorizedException, PermissionDeniedException

from .. import codec, entries, judging
from ..entries import Entry
from ..errors import BeyondTheEnd
from ..kinds import KINDS, Verdict
from ..ledger import Ledger
from .live import Live
from .roles import May, Role, Who

_BY_KIND = dict.fromkeys(("shift", "count", "training", "incident"), May.ENTER)
RIGHTS: Mapping[str, May] = {
    **dict.fromkeys(KINDS, May.SET_QUOTAS), **_BY_KIND, "verdict": May.JUDGE, "objection": May.OBJECT,
}  # fmt: skip
"""The right that an entry of each kind needs. Erasures and rotations of the key are made at the command line alone."""
NEVER = ("erasure", "key")


def check_writer(who: Who, live: Live) -> None:
    """Raises an exception for who may enter nothing at all."""
    if not who.by:
        raise NotAuthorizedException("sign in, or send a token: Authorization: Bearer …")
    if live.read_only:
        raise PermissionDeniedException("this board is read-only: nothing can be written here")
    if not any(who.may(right) for right in set(RIGHTS.values())):
        raise PermissionDeniedException(f"a {who.role} may not enter anything here")


def check_kind(who: Who, kind: str) -> None:
    """Raises an exception unless somebody may enter entries of a kind, which exists."""
    if kind in NEVER:
        raise PermissionDeniedException(
            f"an entry of kind {kind} is made at the command line only, where the ledger is"
        )
    right = RIGHTS[kind]
    if not who.may(right):
        raise PermissionDeniedException(f"a {who.role} may not enter a {kind}, for which one may {right}")


def check(who: Who, ledger: Ledger, kind: str, given: Mapping[str, Any]) -> None:
    """Raises an exception unless somebody may enter this very entry; `check_kind` has been passed."""
    if who.site is not None and kind in _BY_KIND:
        _check_site(who, ledger, kind, given)
    if kind == "objection" and who.role is Role.WORKER:
        _check_objection(who, ledger, given)
    if kind == "verdict":
        _check_verdict(who, ledger, given)


def _check_site(who: Who, ledger: Ledger, kind: str, given: Mapping[str, Any]) -> None:
    """A supervisor enters for their own site; a training is of the site of who was taught."""
    site = given.get("site")
    if kind == "training":
        site = site_of_worker(ledger, str(given.get("trainee"))) or who.site
    replaced = given.get("replaces")
    before = _entry(ledger, replaced) if isinstance(replaced, int) else None
    sites = {site, getattr(before, "site", site)}
    if sites != {who.site}:
        other = next(str(one) for one in sites if one != who.site)
        raise PermissionDeniedException(f"you enter for the site {who.site} only, and this {kind} is of {other}")


def site_of_worker(ledger: Ledger, worker: str) -> str | None:
    """The site of a worker as last known; absent where the ledger has no such worker."""
    found = ledger.find("worker", worker)
    return getattr(codec.decode(ledger.entry(found[-1])), "site", None) if found else None


def _entry(ledger: Ledger, index: int) -> Entry | None:
    try:
        return codec.decode(ledger.entry(index))
    except BeyondTheEnd:
        return None


def _check_objection(who: Who, ledger: Ledger, given: Mapping[str, Any]) -> None:
    """A worker objects to their own shifts, to verdicts on these, and to what else names them."""
    index = given.get("entry")
    entry = _entry(ledger, index) if isinstance(index, int) else None
    if entry is not None and not concerns(ledger, who.worker, entry):
        raise PermissionDeniedException(
            f"entry {index} does not concern your own work; your representative can object to it"
        )


def concerns(ledger: Ledger, worker: str | None, entry: Entry) -> bool:
    """Whether an entry names a worker, or a crew that they belong to; or is a verdict on a shift that does."""
    if isinstance(entry, Verdict):
        shifts = [codec.decode(ledger.entry(index)) for index in ledger.find("shift", entry.shift)]
        return any(concerns(ledger, worker, shift) for shift in shifts)
    named = {found.id for found in entries.references(entry) if found.kind == "worker"}
    if (crew := getattr(entry, "crew", None)) is not None:
        for index in ledger.find("crew", crew):
            named |= set(getattr(codec.decode(ledger.entry(index)), "members", None) or ())
    return worker is not None and worker in named


def _check_verdict(who: Who, ledger: Ledger, given: Mapping[str, Any]) -> None:
    """Nobody judges what they entered, and over the web nobody can say that they do so all the same."""
    shift = str(given.get("shift"))
    if who.by in judging.entered_by(ledger, shift):
        raise PermissionDeniedException(
            f"{who.by} entered shift {shift}, and nobody judges their own entry; let somebody else judge it"
        )
    if "replaces" not in given:
        judging.check(ledger, shift, str(given.get("ruling")), who.by)
