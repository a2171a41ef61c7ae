"""Passwords: what may be one, and the Argon2id hash that is kept of it (RFC 9106, its second recommended choice: 64 MiB, three passes).

A password is taken in Unicode's form NFKC, so that it does not depend on the keyboard. Checking one against no hash takes as long as
checking it against somebody's, so that the time of an answer does not say which names there are.
"""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING
from unicodedata import normalize

from ..errors import Refused

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST, LONGEST = 12, 1000
_FEWEST_DIFFERENT = 5


@cache
def hasher() -> "PasswordHasher":
    """What hashes. Raises Refused where it is not installed, which nobody needs for a ledger without a board."""
    try:
        from argon2 import PasswordHasher
    except ModuleNotFoundError:
        raise Refused("passwords need argon2-cffi; install it with `pip install 'checkweigh[web]'`") from None
    return PasswordHasher()


def check_password(password: str, name: str) -> None:
    """Raises Refused for a password that is too easily guessed. The message never holds the password."""
    if len(password) < SHORTEST:
        raise Refused(f"the password is too short: use at least {SHORTEST} characters, such as four words in a row")
    if len(password) > LONGEST:
        raise Refused(f"the password is too long: use at most {LONGEST:,} characters")
    if len(set(password.casefold())) < _FEWEST_DIFFERENT:
        raise Refused("the password repeats itself too much: use more different characters")
    if password.casefold().replace(name.casefold(), "").strip("0123456789 .-_!") == "":
        raise Refused("the password is the name with little besides: use another one")


def hashed(password: str, random: Callable[[int], bytes]) -> str:
    """What is kept of a password."""
    return hasher().hash(_normal(password), salt=random(16))


def matches(kept: str | None, password: str) -> bool:
    """Whether a password is the one of which `kept` is the hash. Without a hash it is not, after the same time."""
    if len(password) > LONGEST:
        return False
    checker = hasher()
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return checker.verify(kept or _nobodys(), _normal(password)) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


def outdated(kept: str) -> bool:
    """Whether a hash was made with less effort than one would be today."""
    return hasher().check_needs_rehash(kept)


@cache
def _nobodys() -> str:
    return hasher().hash("", salt=bytes(16))


def _normal(password: str) -> bytes:
    return normalize("NFKC", password).encode("utf-8", "surrogatepass")
