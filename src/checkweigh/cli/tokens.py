"""token: which programs may use the board's API."""

import os
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from . import edge
from .accounts import ROLE, SITE, WORKER, deliver, in_ledger
from .target import FORMAT, LIMIT, OUT, Target
from .writing import LEDGER

NAME = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="What the program is called; it stands in every entry it makes.", show_default=False
    ),
]
EXPIRES = Annotated[
    str,
    typer.Option(
        "--expires", metavar="DATE|DAYS|never", help="The last day of the token (UTC), or for how many days it lasts."
    ),
]
COLUMNS = {"name": "text", "role": "text", "site": "text", "worker": "text", "expires": "moment", "used": "moment",
           "made": "moment"}  # fmt: skip


def add(
    ledger: LEDGER, name: NAME, role: ROLE, site: SITE = None, worker: WORKER = None, expires: EXPIRES = "365"
) -> None:
    """Make a token for a program. It is shown once, and only its hash is kept."""
    from ..accounts import Accounts

    now = edge.now()
    ends = _end(expires, now)
    site, worker = in_ledger(ledger, site, worker)
    with Accounts.open(ledger, create=True) as accounts:
        secret = accounts.tokens.add(name, role, now, os.urandom, site=site, worker=worker, expires=ends)
    lasts = "does not expire" if ends is None else f"ends on {ends:%Y-%m-%d %H:%M} UTC"
    edge.tell((name, "bold green"), f": {role}{f' of site {site}' if site else ''}; {lasts}.")
    edge.tell("This is the token, shown this once. A program sends it as `Authorization: Bearer TOKEN`:")
    edge.tell("\n  ", (secret, "bold"), "\n")
    edge.tell(f"What it enters will say token:{name}, for good, to all who read the ledger.")


def show(ledger: LEDGER, form: FORMAT = None, out: OUT = None, limit: LIMIT = 40) -> None:
    """List the tokens: what each is for, when it ends, and when it was last used. What lets a program in is not shown."""
    from ..accounts import Accounts

    with Accounts.open(ledger) as accounts:
        rows = [
            {"name": one.name, "role": str(one.role), "site": one.site, "worker": one.worker, "expires": one.expires,
             "used": one.used, "made": one.made}
            for one in accounts.tokens.all()
        ]  # fmt: skip
    deliver(rows, COLUMNS, Target(form, out, limit), f"Tokens of {ledger.name}")


def remove(ledger: LEDGER, name: NAME) -> None:
    """Delete a token: it lets nobody in from now on, and no other can be given its name."""
    from ..accounts import Accounts

    with Accounts.open(ledger) as accounts:
        accounts.tokens.remove(name)
    edge.tell((name, "bold green"), " is removed; no other token can be given this name.")


def _end(written: str, now: datetime) -> datetime | None:
    """When a token ends: after its last day, or so many days from now."""
    from ..errors import Refused

    if written == "never":
        return None
    if re.fullmatch(r"[1-9][0-9]{0,4}", written):
        return now + timedelta(days=int(written))
    try:
        return datetime.strptime(written, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise Refused(
            f"--expires {written!r} is neither a date such as 2027-06-30, nor a number of days, nor never"
        ) from None
