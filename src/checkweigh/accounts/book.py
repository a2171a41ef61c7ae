"""The book of accounts of one ledger: add, change, remove them, and let people in."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from ..address import Where
from ..errors import Refused
from ..private import ACCOUNTS, opened, private_path, writing
from . import passwords, removed
from .roles import Role, checked_name, checked_role
from .sessions import Lasting, Session, Sessions
from .signings import Outcome, Signings
from .tokens import Tokens

_COLUMNS = "name, role, site, worker, subject, disabled, password IS NOT NULL, made"
Random = Callable[[int], bytes]


@dataclass(frozen=True)
class Account:
    """Somebody who may sign in, unless disabled: with a password, or as whom an OpenID provider calls `subject`, or both."""

    name: str
    role: Role
    site: str | None
    worker: str | None
    subject: str | None
    disabled: bool
    has_password: bool
    made: datetime

    @property
    def by(self) -> str:
        """What stands in the entries that they make."""
        return f"account:{self.name}"


@dataclass(frozen=True)
class SignedIn:
    """Who has come in, and the secret of their new session."""

    account: Account
    secret: str


def has_accounts(ledger: Where) -> bool:
    """Whether there is a file that could hold accounts."""
    return private_path(ledger).exists()


class Accounts:
    """The accounts of one ledger. Use `open`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.sessions = Sessions(connection)
        self.tokens = Tokens(connection)
        self.signings = Signings(connection)

    @classmethod
    @contextmanager
    def open(cls, ledger: Where, *, create: bool = False) -> Iterator["Accounts"]:
        """The accounts of the ledger at an address. Raises Refused when it has none and `create` is not asked for."""
        missing = "this ledger has no accounts; `checkweigh user add LEDGER NAME --role ROLE` makes one"
        with opened(ledger, missing, needs=ACCOUNTS, create=create) as connection:
            yield cls(connection)

    # ------------------------------------------------------------------------------------------------------- keeping

    def add(
        self,
        name: str,
        role: str,
        now: datetime,
        random: Random,
        *,
        site: str | None = None,
        worker: str | None = None,
        password: str | None = None,
        subject: str | None = None,
    ) -> None:
        """A new account. Raises Refused for a name that is or was in use, a role without what belongs to it, a weak password."""
        if password is not None:
            passwords.check_password(password, name)
        kept = None if password is None else passwords.hashed(password, random)
        with writing(self._connection):
            self.check_new(name, role, site=site, worker=worker, subject=subject)
            row = [name, role, site, worker, kept, subject, None, 0, int(now.timestamp())]
            self._connection.execute("INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def check_new(
        self, name: str, role: str, *, site: str | None = None, worker: str | None = None, subject: str | None = None
    ) -> None:
        """Raises Refused where `add` would, whatever the password."""
        checked_role(checked_name(name), role, site, worker)
        if self.find(name) is not None:
            raise Refused(f"there is an account {name} already; `checkweigh user change` changes it")
        removed.check(self._connection, f"account:{name}")
        self._check_subject(name, subject)

    def find(self, name: str) -> Account | None:
        """The account of a name."""
        row = self._connection.execute(f"SELECT {_COLUMNS} FROM accounts WHERE name = ?", [name]).fetchone()
        return None if row is None else _account(row)

    def named(self, name: str) -> Account:
        """The account of a name. Raises Refused where there is none."""
        if (found := self.find(name)) is None:
            raise Refused(f"there is no account {name!r}; `checkweigh user list LEDGER` shows them")
        return found

    def all(self) -> list[Account]:
        """Every account, by name."""
        return [_account(row) for row in self._connection.execute(f"SELECT {_COLUMNS} FROM accounts ORDER BY name")]

    def change(
        self,
        name: str,
        *,
        role: str | None = None,
        site: str | None = None,
        worker: str | None = None,
        subject: str | None = None,
        disabled: bool | None = None,
    ) -> Account:
        """Change what is given; a new role takes site and worker as they are given with it. Every session of the account ends."""
        with writing(self._connection):
            before = self.named(name)
            if role is None:
                site, worker = site or before.site, worker or before.worker
            role = role or before.role
            checked_role(name, role, site, worker)
            self._check_subject(name, subject)
            off = before.disabled if disabled is None else disabled
            sql = "UPDATE accounts SET role = ?, site = ?, worker = ?, disabled = ? WHERE name = ?"
            self._connection.execute(sql, [role, site, worker, off, name])
            if subject is not None:
                sql = "UPDATE accounts SET subject = ?, issuer = NULL WHERE name = ?"
                self._connection.execute(sql, [subject, name])
            self.sessions.end_all(name)
            return self.named(name)

    def remove(self, name: str) -> None:
        """Delete an account and what is kept of it; its name is not given away again."""
        with writing(self._connection):
            self.named(name)
            self.sessions.end_all(name)
            self._connection.execute("DELETE FROM accounts WHERE name = ?", [name])
            removed.note(self._connection, f"account:{name}")

    def remove_worker(self, worker: str) -> list[str]:
        """Delete the accounts of a worker who is erased, and what the sign-in log says of them. Returns their names."""
        sql = "SELECT name FROM accounts WHERE worker = ? ORDER BY name"
        names = [name for (name,) in self._connection.execute(sql, [worker])]
        for name in names:
            self.remove(name)
            self._connection.execute("DELETE FROM signings WHERE account = ?", [name])
        return names

    def set_password(self, name: str, password: str, random: Random, *, keep: str | None = None) -> None:
        """Give an account another password. Its sessions end, but for the one that the secret `keep` opens."""
        passwords.check_password(password, self.named(name).name)
        kept = passwords.hashed(password, random)
        with writing(self._connection):
            self._connection.execute("UPDATE accounts SET password = ? WHERE name = ?", [kept, name])
            self.sessions.end_all(name, keep)

    def _check_subject(self, name: str, subject: str | None) -> None:
        sql = "SELECT name FROM accounts WHERE subject = ? AND name != ?"
        if subject is not None and (row := self._connection.execute(sql, [subject, name]).fetchone()):
            raise Refused(f"{subject!r} is the subject of account {row[0]} already; a subject stands for one account")

    # ---------------------------------------------------------------------------------------------------- letting in

    def sign_in(self, typed: str, password: str, origin: str, now: datetime, random: Random) -> SignedIn | None:
        """A new session of the account whose name and password these are, or None.

        Either takes the time of one hash, and is noted in the sign-in log.
        """
        name = typed.strip().lower()
        kept = self._kept(name)
        right = passwords.matches(kept, password)
        anew = passwords.hashed(password, random) if right and kept and passwords.outdated(kept) else kept
        with writing(self._connection):
            # Looked at again: while the hash took its time, the account may have got another password.
            found = self.find(name)
            outcome = _outcome(found, right and self._kept(name) == kept)
            if found is not None and outcome == "signed in":
                self._connection.execute("UPDATE accounts SET password = ? WHERE name = ?", [anew, name])
            return self._come_in(found, outcome, origin, now, random)

    def has_password(self, name: str, password: str) -> bool:
        """Whether this is the account's password."""
        return passwords.matches(self._kept(name), password)

    def _kept(self, name: str) -> str | None:
        row = self._connection.execute("SELECT password FROM accounts WHERE name = ?", [name]).fetchone()
        return None if row is None else row[0]

    def sign_in_subject(self, issuer: str, subject: str, origin: str, now: datetime, random: Random) -> SignedIn | None:
        """A new session of the account for which an OpenID provider vouches, or None; noted in the sign-in log.

        The first issuer that vouches for a subject is the only one from then on: another may call somebody else the same.
        """
        with writing(self._connection):
            sql = f"SELECT {_COLUMNS} FROM accounts WHERE subject = ?1 AND (issuer IS NULL OR issuer = ?2)"
            row = self._connection.execute(sql, [subject, issuer]).fetchone()
            found = None if row is None else _account(row)
            outcome: Outcome = "unknown subject" if found is None else "disabled" if found.disabled else "signed in"
            if found is not None:
                self._connection.execute("UPDATE accounts SET issuer = ? WHERE name = ?", [issuer, found.name])
            return self._come_in(found, outcome, origin, now, random)

    def _come_in(
        self, found: Account | None, outcome: Outcome, origin: str, now: datetime, random: Random
    ) -> SignedIn | None:
        self.signings.note(None if found is None else found.name, origin, outcome, now)
        if found is None or outcome != "signed in":
            return None
        return SignedIn(found, self.sessions.begin(found.name, origin, now, random))

    def of_session(self, secret: str, now: datetime, lasting: Lasting) -> tuple[Account, Session] | None:
        """Whose session a secret opens, unless it has ended or the account is disabled."""
        session = self.sessions.find(secret, now, lasting)
        account = None if session is None else self.find(session.account)
        return None if session is None or account is None or account.disabled else (account, session)


def _outcome(found: Account | None, right: bool) -> Outcome:
    """A disabled account is told only to the log, and there only of somebody who knows its password."""
    if found is None:
        return "unknown name"
    if not found.has_password:
        return "has no password"
    if not right:
        return "wrong password"
    return "disabled" if found.disabled else "signed in"


def _account(row: tuple[str, str, str | None, str | None, str | None, int, int, int]) -> Account:
    name, role, site, worker, subject, disabled, password, made = row
    return Account(
        name, Role(role), site, worker, subject, bool(disabled), bool(password), datetime.fromtimestamp(made, UTC)
    )
