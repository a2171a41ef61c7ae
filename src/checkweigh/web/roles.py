"""Who may do what.

A visitor has not signed in. A right says what a route does; a role has rights; `needs` writes the right down at the route, and the
application's guard compares the two. What depends on the entry (a supervisor's own site, a worker's own shifts, a verifier's own
entries) is checked where the entry is known.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler

from ..accounts import Role as Role

RIGHT = "right"
"""The name under which a route states its right."""


class May(StrEnum):
    """What a route does."""

    ALWAYS = "always"
    """What everybody may do even where visitors see nothing: sign in, fetch the style sheet, ask whether the process lives."""
    READ = "read"
    """Look at the pages and figures of the board."""
    READ_PEOPLE = "read people"
    """See the names behind the ids of private workers."""
    READ_ALL = "read all"
    """Export everything."""
    WRITE = "write"
    """Enter something; which right that needs depends on its kind, and is asked where it is known."""
    OWN = "own"
    """See one's own account and data."""
    ENTER = "enter"
    """Enter shifts, counts, trainings and incidents."""
    OBJECT = "object"
    """Object to an entry."""
    JUDGE = "judge"
    """Rule on shifts that one has not entered."""
    SET_QUOTAS = "set quotas"
    """Set quotas, rules, and what they name."""


_SIGNED_IN = {May.ALWAYS, May.READ, May.OWN, May.WRITE}
RIGHTS: dict[Role, frozenset[May]] = {
    Role.VISITOR: frozenset({May.ALWAYS, May.READ}),
    Role.WORKER: frozenset({*_SIGNED_IN, May.OBJECT}),
    Role.SUPERVISOR: frozenset({*_SIGNED_IN, May.READ_PEOPLE, May.ENTER, May.OBJECT}),
    Role.VERIFIER: frozenset({*_SIGNED_IN, May.READ_PEOPLE, May.JUDGE, May.OBJECT}),
    Role.MANAGER: frozenset({*_SIGNED_IN, May.READ_PEOPLE, May.ENTER, May.OBJECT, May.SET_QUOTAS}),
    Role.AUDITOR: frozenset({*_SIGNED_IN, May.READ_PEOPLE, May.READ_ALL, May.OBJECT}),
}
WORDS: dict[Role, str] = {
    Role.VISITOR: "You see the board as a visitor does, and write nothing.",
    Role.WORKER: "You see your own work under your own name, take home its receipts, and may object to what was entered about you.",
    Role.SUPERVISOR: "You enter shifts, counts, trainings and incidents of your own site.",
    Role.VERIFIER: "You judge the shifts that others have entered, never your own entries.",
    Role.MANAGER: "You set quotas and rules, name jobs, workers and crews, and enter shifts.",
    Role.AUDITOR: "You read everything and take it with you; what you doubt you may object to.",
}
"""What each role is for, as its account page says it."""
EVERYTHING = frozenset({May.READ_PEOPLE, May.READ_ALL})
"""What everybody may do besides, where visitors may see everything."""
WRITES = frozenset({May.WRITE, May.ENTER, May.OBJECT, May.JUDGE, May.SET_QUOTAS})


@dataclass(frozen=True)
class Who:
    """Who asks. `by` is what stands in an entry that they make; empty for a visitor."""

    name: str
    role: Role
    by: str = ""
    site: str | None = None
    worker: str | None = None
    more: frozenset[May] = frozenset()
    """What everybody may do on this board besides."""

    def may(self, right: May) -> bool:
        """Whether their role has a right, or everybody has it here."""
        return right in RIGHTS[self.role] or right in self.more


VISITOR = Who("", Role.VISITOR)


def who_asks(connection: ASGIConnection[Any, Any, Any, Any]) -> Who:
    """Who asks; where no route was found nobody looked, and it is a visitor."""
    who: Who = connection.scope.get("user") or VISITOR
    return who


def needs(right: May) -> dict[str, Any]:
    """What a route states: `@get(..., opt=needs(May.READ))`."""
    return {RIGHT: right}


async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Lets only those through who have the right that the route states; a visitor is asked to sign in.

    It waits for nothing: a guard that is no coroutine is called in another thread, which takes longer than all that it does.

    Which methods an address has (OPTIONS) is no secret, and its answer is made for every route without a right being stated.
    """
    if connection.scope.get("method") == "OPTIONS" and RIGHT not in handler.opt:
        return
    right = May(handler.opt[RIGHT])
    who = who_asks(connection)
    settings = connection.app.state.settings
    if right is May.ALWAYS or (who.may(right) and (who.by or settings.visitors != "nothing")):
        if right in WRITES and connection.app.state.live.read_only:
            raise PermissionDeniedException("this board is read-only: nothing can be written here")
        return
    if not who.by:
        ended = getattr(connection.scope.get("auth"), "ended", False)
        raise NotAuthorizedException("your session has ended; sign in again" if ended else "sign in first")
    raise PermissionDeniedException(f"a {who.role} may not {right}; ask whoever keeps the accounts of this ledger")
