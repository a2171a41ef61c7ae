"""user: who may sign in to the board."""

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..address import Address
from . import edge
from .target import FORMAT, LIMIT, OUT, Target
from .writing import LEDGER

if TYPE_CHECKING:
    from ..accounts import Account

ROLES = "visitor|worker|supervisor|verifier|manager|auditor"
NAME = Annotated[str, typer.Argument(metavar="NAME", help="The name of the account.", show_default=False)]
NEW_NAME = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="The name to sign in with. It stands in every entry they make, for good.",
        show_default=False,
    ),
]
ROLE = Annotated[str, typer.Option("--role", metavar=ROLES, help="What they do with the ledger.", show_default=False)]
NEW_ROLE = Annotated[str | None, typer.Option("--role", metavar=ROLES, help="What they do from now on.")]
SITE = Annotated[
    str | None, typer.Option("--site", metavar="ID", help="For a supervisor: the site whose shifts they enter.")
]
WORKER = Annotated[
    str | None,
    typer.Option(
        "--worker", metavar="ID", help="Which worker of the ledger they are: the id, or the payroll number beside it."
    ),
]
SUBJECT = Annotated[
    str | None,
    typer.Option("--oidc", metavar="SUBJECT", help="They sign in with OpenID Connect, as this subject (`sub`)."),
]
FROM_INPUT = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from the first line of standard input.")
]
OFF = Annotated[bool, typer.Option("--disable", help="Let them in no more; what they entered stays.")]
ON = Annotated[bool, typer.Option("--enable", help="Let them in again.")]


def add(
    ledger: LEDGER,
    name: NEW_NAME,
    role: ROLE,
    site: SITE = None,
    worker: WORKER = None,
    oidc: SUBJECT = None,
    password_stdin: FROM_INPUT = False,
) -> None:
    """Make an account for the board. Its password is asked for twice, unless they sign in with OpenID Connect alone."""
    from ..accounts import Accounts

    site, worker = in_ledger(ledger, site, worker)
    with Accounts.open(ledger, create=True) as accounts:
        accounts.check_new(name, role, site=site, worker=worker, subject=oidc)
        password = None if oidc and not password_stdin else _password(name, password_stdin)
        accounts.add(
            name, role, edge.now(), os.urandom, site=site, worker=worker, password=password, subject=oidc
        )  # fmt: skip
        _tell(accounts.named(name))
    edge.tell(f"What they enter will say account:{name}, for good, to all who read the ledger.")


def passwd(ledger: LEDGER, name: NAME, password_stdin: FROM_INPUT = False) -> None:
    """Give an account another password. Whoever is signed in as that account is signed out."""
    from ..accounts import Accounts

    with Accounts.open(ledger) as accounts:
        accounts.named(name)
        accounts.set_password(name, _password(name, password_stdin), os.urandom)
        edge.tell((name, "bold green"), " has a new password, and has to sign in with it.")


def change(
    ledger: LEDGER,
    name: NAME,
    role: NEW_ROLE = None,
    site: SITE = None,
    worker: WORKER = None,
    oidc: SUBJECT = None,
    disable: OFF = False,
    enable: ON = False,
) -> None:
    """Change what an account is for, or disable it. Whoever is signed in as that account is signed out."""
    from ..accounts import Accounts
    from ..errors import Refused

    if disable and enable:
        raise Refused("--disable and --enable are opposites; give one of them")
    if not (role or site or worker or oidc or disable or enable):
        raise Refused("nothing to change: give --role, --site, --worker, --oidc, --disable or --enable")
    site, worker = in_ledger(ledger, site, worker)
    with Accounts.open(ledger) as accounts:
        disabled = True if disable else False if enable else None
        _tell(accounts.change(name, role=role, site=site, worker=worker, subject=oidc, disabled=disabled))


def remove(ledger: LEDGER, name: NAME) -> None:
    """Delete an account. What it entered stays, under its name, which nobody else can be given."""
    from ..accounts import Accounts

    with Accounts.open(ledger) as accounts:
        accounts.remove(name)
    edge.tell((name, "bold green"), " is removed and signed out; nobody else can be given this name.")


def show(ledger: LEDGER, form: FORMAT = None, out: OUT = None, limit: LIMIT = 40) -> None:
    """List the accounts: what each is for, how they sign in, and when they last did."""
    from ..accounts import Accounts

    with Accounts.open(ledger) as accounts:
        last = accounts.signings.last()
        rows = [
            {
                "name": one.name, "role": str(one.role), "site": one.site, "worker": one.worker, "signs_in_with": _with(one),
                "disabled": one.disabled, "last": last.get(one.name), "made": one.made,
            }
            for one in accounts.all()
        ]  # fmt: skip
    deliver(rows, ACCOUNT_COLUMNS, Target(form, out, limit), f"Accounts of {ledger.name}")


def signings(
    ledger: LEDGER,
    user: Annotated[str | None, typer.Option("--user", metavar="NAME", help="Only of this account.")] = None,
    form: FORMAT = None,
    out: OUT = None,
    limit: LIMIT = 40,
) -> None:
    """Show the sign-in log, the newest first: who came in or was refused, when, and from where. It is kept for 90 days."""
    from ..accounts import Accounts

    with Accounts.open(ledger) as accounts:
        rows = [
            {"at": one.at, "account": one.account, "origin": one.origin, "outcome": one.outcome}
            for one in accounts.signings.newest(user)
        ]
    deliver(rows, SIGNING_COLUMNS, Target(form, out, limit), f"Sign-in log of {ledger.name}")


ACCOUNT_COLUMNS = {"name": "text", "role": "text", "site": "text", "worker": "text", "signs_in_with": "text",
                   "disabled": "flag", "last": "moment", "made": "moment"}  # fmt: skip
SIGNING_COLUMNS = {"at": "moment", "account": "text", "origin": "text", "outcome": "text"}


def in_ledger(ledger: Address, site: str | None, worker: str | None) -> tuple[str | None, str | None]:
    """Site and worker as the ledger knows them; a worker may be named by payroll number. Raises Refused for unknown ones."""
    from .. import erasing
    from ..errors import Refused
    from ..ledger import Ledger

    with Ledger.open(ledger) as opened:
        if site is not None and not opened.find("site", site):
            raise Refused(f"there is no site {site!r}; `checkweigh log {ledger.typed} --kind site` lists them")
        return site, None if worker is None else erasing.worker_of(opened, worker)


def deliver(rows: list[dict[str, Any]], columns: dict[str, str], target: Target, title: str) -> None:
    """Write rows to the terminal or a file, as they are asked for."""
    import pyarrow as pa

    types = {"text": pa.string(), "flag": pa.bool_(), "moment": pa.timestamp("s")}
    table = pa.Table.from_pylist(rows, schema=pa.schema([(name, types[kind]) for name, kind in columns.items()]))
    many = len(rows)
    target.write(table.to_reader(), title, [f"{many:,} {'row' if many == 1 else 'rows'}"])


def _password(name: str, from_input: bool) -> str:
    """A password from whoever types; asked for twice and shown never. Raises Refused for a weak one before it is asked for again."""
    from ..accounts import check_password
    from ..errors import Refused

    if from_input:
        return _checked(sys.stdin.readline().rstrip("\r\n"), name, check_password)
    if not sys.stdin.isatty():
        raise Refused("nobody can be asked for a password here; give it to --password-stdin, or use a terminal")
    first = _checked(typer.prompt("Password", hide_input=True, err=True), name, check_password)
    if typer.prompt("The same again", hide_input=True, err=True) != first:
        raise Refused("the two passwords differ; nothing was changed, try again")
    return first


def _checked(password: str, name: str, check: Callable[[str, str], None]) -> str:
    check(password, name)
    return password


def _tell(account: "Account") -> None:
    place = f" of site {account.site}" if account.site else ""
    person = f", worker {account.worker}" if account.worker else ""
    state = "may not sign in" if account.disabled else f"signs in with {_with(account) or 'nothing yet'}"
    edge.tell((account.name, "bold green"), f": {account.role}{place}{person}; {state}.")


def _with(account: "Account") -> str:
    return " or ".join(
        way for way, there in (("password", account.has_password), ("OpenID Connect", account.subject)) if there
    )
