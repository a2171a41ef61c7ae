"""Accounts: who may sign in, kept outside the log; secrets that nobody can read from the file; names that are never given again."""

import io
import os
import pty
import re
import select
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher

from checkweigh import erasing, private
from checkweigh.accounts import Accounts, Lasting, Role, passwords, sessions, signings
from checkweigh.errors import Refused
from checkweigh.people import People, private_path
from conftest import EDGE, NOW

PASSWORD = "four lamps in a shaft"
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Hashes that cost little."""
    monkeypatch.setattr(passwords, "hasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def accounts(ledger):
    with Accounts.open(ledger.address, create=True) as accounts:
        accounts.add("anna", "supervisor", NOW, os.urandom, site="north", password=PASSWORD)
        yield accounts


def sign_in(accounts, name="anna", password=PASSWORD, now=NOW):
    return accounts.sign_in(name, password, "192.0.2.7", now, os.urandom)


def outcomes(accounts):
    return [(one.account, one.outcome) for one in accounts.signings.newest()]


def session(accounts, secret, now=NOW):
    found = accounts.of_session(secret, now, Lasting())
    return None if found is None else found[0].name


def test_who_has_the_password_comes_in_and_nobody_else(accounts):
    signed = sign_in(accounts, " Anna ")
    assert (signed.account.role, signed.account.site, signed.account.by) == (
        Role.SUPERVISOR,
        "north",
        "account:anna",
    )
    assert session(accounts, signed.secret) == "anna"
    for name, password in (("anna", PASSWORD + "!"), ("anna", ""), ("bert", PASSWORD), ("", ""), ("anna", "x" * 5000)):
        assert sign_in(accounts, name, password) is None
    assert sign_in(accounts, "anna", PASSWORD.replace("four", "ｆour")) is not None, "the same in NFKC"
    assert session(accounts, "x" * 43) is None and session(accounts, "\udc80") is None


def test_the_sign_in_log_says_who_when_from_where_and_not_what_was_typed(accounts):
    sign_in(accounts)
    sign_in(accounts, "anna", "wrong horse here")
    sign_in(accounts, "my secret typed here", "x")
    accounts.add("olga", "auditor", NOW, os.urandom, subject="42")
    sign_in(accounts, "olga")
    accounts.change("anna", disabled=True)
    assert sign_in(accounts) is None
    assert outcomes(accounts) == [
        ("anna", "disabled"),
        ("olga", "has no password"),
        (None, "unknown name"),
        ("anna", "wrong password"),
        ("anna", "signed in"),
    ]
    first = next(accounts.signings.newest("olga"))
    assert (first.at, first.origin) == (NOW, "192.0.2.7")
    assert accounts.signings.last() == {"anna": NOW}


def test_the_sign_in_log_is_bounded_in_lines_and_days(accounts, monkeypatch):
    monkeypatch.setattr(signings, "KEPT", 5)
    for tries in range(8):
        sign_in(accounts, "anna", f"wrong horse {tries}")
    assert len(outcomes(accounts)) == 5
    sign_in(accounts, now=NOW + timedelta(days=signings.KEPT_DAYS, seconds=1))
    assert outcomes(accounts) == [("anna", "signed in")]


def test_nothing_in_the_file_lets_anybody_in(ledger, accounts):
    signed = sign_in(accounts)
    token = accounts.tokens.add("scale", "supervisor", NOW, os.urandom, site="north")
    held = private_path(ledger.address).read_bytes()
    assert b"$argon2id$" in held
    assert not [secret for secret in (PASSWORD, signed.secret, token) if secret.encode() in held]


def test_an_unknown_name_costs_a_hash_as_well(accounts, monkeypatch):
    done = []

    class Counting(PasswordHasher):
        def verify(self, hash, password):
            done.append(hash)
            return super().verify(hash, password)

    monkeypatch.setattr(passwords, "hasher", lambda: Counting(time_cost=1, memory_cost=8, parallelism=1))
    accounts.add("olga", "auditor", NOW, os.urandom, subject="42")
    for name in ("anna", "nobody", "olga"):
        sign_in(accounts, name)
    assert len(done) == 3
    assert not accounts.has_password("nobody", "") and not accounts.has_password("olga", "")


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("lamp", "too short"),
        ("x" * 1001, "too long"),
        ("abababababababab", "repeats itself"),
        ("anna.lindberg-2024", "the name with little besides"),
    ],
)
def test_a_weak_password_is_refused_and_not_repeated(accounts, password, says):
    with pytest.raises(Refused, match=says) as refused:
        accounts.add("anna.lindberg", "auditor", NOW, os.urandom, password=password)
    assert password not in str(refused.value)
    assert accounts.find("anna.lindberg") is None


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("Anna", {"role": "auditor"}, "'Anna' cannot be a name"),
        ("аnna", {"role": "auditor"}, "cannot be a name"),
        ("a" * 65, {"role": "auditor"}, "cannot be a name"),
        ("anna", {"role": "auditor"}, "an account anna already"),
        ("bob", {"role": "boss"}, "'boss' is no role; the roles are visitor, worker"),
        ("bob", {"role": "supervisor"}, "say which with --site"),
        ("bob", {"role": "auditor", "site": "north"}, "leave --site out"),
        ("bob", {"role": "worker"}, "say with --worker"),
        ("bob", {"role": "visitor", "worker": "ada"}, "no worker of the ledger"),
        ("bob", {"role": "auditor", "subject": "77"}, "'77' is the subject of account olga already"),
    ],
)
def test_an_account_that_cannot_be_is_refused(accounts, name, options, says):
    accounts.add("olga", "auditor", NOW, os.urandom, subject="77")
    with pytest.raises(Refused, match=says):
        accounts.add(name, options.pop("role"), NOW, os.urandom, password=PASSWORD, **options)


def test_a_session_ends_some_time_after_it_began_and_after_it_was_used(accounts):
    secret = sign_in(accounts).secret
    assert session(accounts, secret, NOW + 2 * HOUR - timedelta(seconds=1)) == "anna"
    assert session(accounts, secret, NOW + 3 * HOUR) == "anna", "its use was noted"
    assert session(accounts, secret, NOW + 5 * HOUR) is None
    assert session(accounts, secret, NOW) is None, "what has ended is gone"
    secret = sign_in(accounts).secret
    for hours in range(12):
        assert session(accounts, secret, NOW + hours * HOUR) == "anna"
    assert session(accounts, secret, NOW + 12 * HOUR) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda accounts: accounts.set_password("anna", "other words in a row", os.urandom),
        lambda accounts: accounts.change("anna", role="verifier"),
        lambda accounts: accounts.change("anna", disabled=True),
        lambda accounts: accounts.change("anna", site="south"),
        lambda accounts: accounts.remove("anna"),
        lambda accounts: accounts.sessions.end_all("anna"),
    ],
)
def test_what_changes_an_account_ends_its_sessions(accounts, change):
    accounts.add("olga", "auditor", NOW, os.urandom, password=PASSWORD)
    mine, hers = sign_in(accounts).secret, sign_in(accounts, "olga").secret
    change(accounts)
    assert session(accounts, mine) is None and session(accounts, hers) == "olga"


def test_changing_ones_own_password_ends_all_sessions_but_this_one(accounts):
    here, there = sign_in(accounts).secret, sign_in(accounts).secret
    accounts.set_password("anna", "other words in a row", os.urandom, keep=here)
    assert session(accounts, here) == "anna" and session(accounts, there) is None
    assert sign_in(accounts) is None and sign_in(accounts, "anna", "other words in a row")


def test_a_password_that_changes_while_it_is_checked_lets_nobody_in(ledger, accounts, monkeypatch):
    right = passwords.matches

    def slow(kept, password):
        with Accounts.open(ledger.address) as elsewhere:
            elsewhere.set_password("anna", "other words in a row", os.urandom)
        return right(kept, password)

    monkeypatch.setattr(passwords, "matches", slow)
    assert sign_in(accounts) is None and accounts.sessions.of("anna", NOW, Lasting()) == []


def test_sessions_are_listed_ended_one_by_one_and_not_hoarded(accounts, monkeypatch):
    monkeypatch.setattr(sessions, "MOST", 3)
    secrets = [sign_in(accounts, now=NOW + minutes * timedelta(minutes=1)).secret for minutes in range(5)]
    assert [session(accounts, secret) for secret in secrets] == [None, None, "anna", "anna", "anna"]
    newest, *_ = accounts.sessions.of("anna", NOW, Lasting())
    assert newest.begun == NOW + timedelta(minutes=4) and newest.id not in secrets[4]
    assert accounts.sessions.end_one("anna", newest.id) and not accounts.sessions.end_one("olga", newest.id)
    assert session(accounts, secrets[4]) is None
    accounts.sessions.end(secrets[3])
    assert session(accounts, secrets[3]) is None and session(accounts, secrets[2]) == "anna"
    accounts.sessions.forget(NOW + 4 * HOUR, Lasting())
    assert accounts.sessions.of("anna", NOW, Lasting()) == []


def test_a_removed_name_is_given_to_nobody_else(accounts):
    accounts.remove("anna")
    with pytest.raises(Refused, match="was an account anna once"):
        accounts.add("anna", "verifier", NOW, os.urandom, password=PASSWORD)
    with pytest.raises(Refused, match="there is no account 'anna'"):
        accounts.change("anna", role="auditor")
    accounts.tokens.add("anna", "auditor", NOW, os.urandom)
    accounts.tokens.remove("anna")
    with pytest.raises(Refused, match="was a token anna once"):
        accounts.tokens.add("anna", "auditor", NOW, os.urandom)


def test_a_token_lets_in_until_it_expires_or_is_removed(accounts):
    secret = accounts.tokens.add("scale", "supervisor", NOW, os.urandom, site="north", expires=NOW + HOUR)
    found = accounts.tokens.find(secret, NOW)
    assert (found.name, found.role, found.site, found.by) == ("scale", Role.SUPERVISOR, "north", "token:scale")
    assert accounts.tokens.all()[0].used == NOW
    assert accounts.tokens.find(secret, NOW + HOUR) is None
    assert accounts.tokens.find(secret[:-1], NOW) is None and accounts.tokens.find(secret[3:], NOW) is None
    accounts.tokens.remove("scale")
    assert accounts.tokens.find(secret, NOW) is None
    with pytest.raises(Refused, match="expired already"):
        accounts.tokens.add("late", "auditor", NOW, os.urandom, expires=NOW)
    with pytest.raises(Refused, match="no token 'scale'"):
        accounts.tokens.remove("scale")


def test_a_subject_comes_in_by_the_issuer_that_first_vouched_for_it(accounts):
    accounts.add("olga", "auditor", NOW, os.urandom, subject="42")
    arrive = [("https://one.example", "42"), ("https://two.example", "42"), ("https://one.example", "43")]
    found = [accounts.sign_in_subject(issuer, subject, "here", NOW, os.urandom) for issuer, subject in arrive]
    assert found[0].account.name == "olga" and session(accounts, found[0].secret) == "olga"
    assert found[1:] == [None, None]
    accounts.change("olga", disabled=True)
    assert accounts.sign_in_subject(*arrive[0], "here", NOW, os.urandom) is None
    accounts.change("olga", disabled=False, subject="43")
    assert accounts.sign_in_subject("https://two.example", "43", "here", NOW, os.urandom)


def test_a_hash_of_less_effort_is_made_anew_at_the_next_sign_in(accounts, monkeypatch):
    monkeypatch.setattr(passwords, "hasher", lambda: PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))
    assert passwords.outdated(accounts._kept("anna")) and sign_in(accounts)
    assert not passwords.outdated(accounts._kept("anna")) and sign_in(accounts)


def test_erasing_a_worker_removes_their_account(ledger, accounts):
    accounts.add("ada", "worker", NOW, os.urandom, worker="ada", password=PASSWORD)
    secret = sign_in(accounts, "ada").secret
    assert erasing.erase(ledger, "ada", "asked for it", EDGE).accounts == ["ada"]
    assert session(accounts, secret) is None and accounts.find("ada") is None
    assert not list(accounts.signings.newest("ada"))


# ------------------------------------------------------------------------------------------------------------ the file


def first_format(ledger):
    """The private file as the first version of Checkweigh wrote it, with one person in it."""
    path = private_path(ledger.address)
    path.touch(0o600)
    with sqlite3.connect(path) as connection:
        connection.execute(private._STEPS[0][0])
        connection.execute("PRAGMA user_version = 1")
        connection.execute("INSERT INTO people VALUES ('w1', 'P-1', 'Ada Byron', x'00', 'hash', 0)")
    connection.close()
    return path


def version(path):
    connection = sqlite3.connect(path)
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.close()
    return found


def test_a_file_of_the_first_format_is_read_and_then_brought_up_to_date(ledger):
    path = first_format(ledger)
    with People.open(ledger.address) as people:
        assert people.find("w1").name == "Ada Byron"
    assert version(path) == 1
    with Accounts.open(ledger.address) as accounts:
        accounts.add("anna", "auditor", NOW, os.urandom, password=PASSWORD)
    assert version(path) == private.FORMAT
    with People.open(ledger.address) as people:
        assert people.find("w1").name == "Ada Byron"
    with Accounts.open(ledger.address) as accounts:
        assert sign_in(accounts)


def test_a_first_file_on_a_disk_that_cannot_be_written_still_gives_its_people(ledger):
    path = first_format(ledger)
    path.chmod(0o400)
    with People.open(ledger.address) as people:
        assert people.by_payroll(["P-1"]) == {"P-1": "w1"}


@pytest.mark.parametrize("table", [People, Accounts])
def test_a_file_of_a_newer_format_is_refused(ledger, table):
    path = first_format(ledger)
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {private.FORMAT + 1}")
    connection.close()
    with pytest.raises(Refused, match="newer version"), table.open(ledger.address):
        pass


def test_a_ledger_without_accounts_says_how_to_make_one(ledger):
    with pytest.raises(Refused, match="no accounts; `checkweigh user add"), Accounts.open(ledger.address):
        pass


# -------------------------------------------------------------------------------------------------------- the commands


@pytest.fixture
def typed(monkeypatch):
    """What somebody gives to standard input."""

    def give(text):
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))

    return give


def test_accounts_from_the_command_line(run, ledger, typed):
    path = ledger.address
    typed(PASSWORD + "\n")
    said = run("user", "add", path, "anna", "--role", "supervisor", "--site", "north", "--password-stdin").out
    assert "anna: supervisor of site north; signs in with password." in said and "account:anna, for good" in said
    run("user", "add", path, "olga", "--role", "auditor", "--oidc", "42")
    said = run("user", "change", path, "anna", "--role", "worker", "--worker", "ada").out
    assert "anna: worker, worker ada" in said
    assert "may not sign in" in run("user", "change", path, "anna", "--disable").out
    assert "signs in with password" in run("user", "change", path, "anna", "--enable").out
    typed("other words in a row")
    assert "new password" in run("user", "passwd", path, "anna", "--password-stdin").out
    with Accounts.open(path) as accounts:
        assert sign_in(accounts, "anna", "other words in a row", datetime.now(UTC))
    assert "signed in" in run("user", "log", path, "--user", "anna").out
    rows = run("user", "list", path, "--format", "csv").out.splitlines()
    assert rows[1].startswith("anna,worker,,ada,password,false,2") and rows[2].startswith(
        "olga,auditor,,,OpenID Connect"
    )
    assert "is removed" in run("user", "remove", path, "anna").out
    assert "anna" not in run("user", "list", path).out


def test_tokens_from_the_command_line(run, ledger):
    path = ledger.address
    said = run("token", "add", path, "scale", "--role", "supervisor", "--site", "north", "--expires", "2999-06-30").out
    assert "ends on 2999-07-01 00:00 UTC" in said
    secret = re.search(r"cw_\S+", said)[0]
    with Accounts.open(path) as accounts:
        assert accounts.tokens.find(secret, NOW).name == "scale"
    assert "does not expire" in run("token", "add", path, "forever", "--role", "auditor", "--expires", "never").out
    listed = run("token", "list", path).out
    assert "scale" in listed and "forever" in listed and secret not in listed
    assert "is removed" in run("token", "remove", path, "scale").out
    assert "neither a date" in run("token", "add", path, "x", "--role", "auditor", "--expires", "soon", code=2).err


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["user", "add", "anna", "--role", "supervisor", "--site", "south"], "there is no site 'south'"),
        (["user", "add", "anna", "--role", "worker", "--worker", "P-9"], "'P-9' is neither a worker"),
        (["user", "add", "anna", "--role", "auditor"], "nobody can be asked for a password here"),
        (["user", "change", "anna"], "nothing to change"),
        (["user", "change", "anna", "--enable", "--disable"], "are opposites"),
        (["user", "list"], "has no accounts"),
    ],
)
def test_what_cannot_be_done_is_refused(run, ledger, typed, command, says):
    typed("")
    assert says in run(*command[:2], ledger.address, *command[2:], code=2).err
    assert "Refused" in run(*command[:2], f"{ledger.address}.not", *command[2:], code=2).err


@pytest.mark.parametrize(
    ("again", "code", "said"), [(PASSWORD, 0, "signs in with password"), (PASSWORD + "x", 2, "two passwords differ")]
)
def test_a_password_is_asked_for_twice_and_never_shown(ledger, again, code, said):
    terminal, side = pty.openpty()
    command = [sys.executable, "-c", "import sys; from checkweigh.cli import main; main(sys.argv[1:])"]
    arguments = ["user", "add", str(ledger.address), "anna", "--role", "auditor"]
    process = subprocess.Popen([*command, *arguments], stdin=side, stdout=side, stderr=side, start_new_session=True)
    os.close(side)
    try:
        shown = read_until(terminal, "Password: ")
        os.write(terminal, (PASSWORD + "\n").encode())
        shown += read_until(terminal, "again: ")
        os.write(terminal, (again + "\n").encode())
        shown += read_until(terminal, said)
        assert process.wait(timeout=120) == code
        assert PASSWORD not in shown
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


def read_until(handle, text):
    """What a terminal shows until some text is in it."""
    shown = ""
    while text not in re.sub(r"\s+", " ", shown):
        assert select.select([handle], [], [], 30)[0], shown
        shown += os.read(handle, 1000).decode()
    return shown
