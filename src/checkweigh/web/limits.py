"""How often: sign-ins of one name or from one address, and writes of one account. Whoever is too fast is told when to come back (429).

Each is a bucket that holds what may be done at once and fills up again in a minute. Who fails to sign in waits besides: after the third
failure in a row a second, and twice as long after each further one, up to a minute. So guessing is slow, and nobody is locked out for long,
neither of an account at which others guess nor behind an address that many share. The memory of it is bounded, and of this process alone.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv6Address, ip_address
from math import ceil
from typing import Any

from litestar.connection import ASGIConnection
from litestar.exceptions import TooManyRequestsException
from litestar.handlers import BaseRouteHandler

from .roles import RIGHT, May, Who, who_asks
from .security import changes_something
from .settings import Settings

MOST_KEYS = 10_000
FREE_FAILURES = 3
LONGEST_SECONDS = 60.0


@dataclass
class _Bucket:
    level: float
    """What may still be done at once."""
    seen: float
    failures: int = 0
    closed_until: float = 0.0


class Limits:
    """What was done lately, by whom and from where. Safe to use from several threads."""

    def __init__(self, settings: Settings, most_keys: int = MOST_KEYS) -> None:
        self._sign_ins, self._writes = settings.sign_ins_per_minute, settings.writes_per_minute
        self._most_keys = most_keys
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._buckets)

    def sign_in(self, name: str, origin: str, now: datetime) -> None:
        """Somebody tries to sign in. Raises TooManyRequestsException when it is too soon."""
        with self._lock:
            for key in _keys(name, origin):
                self._take(key, self._sign_ins, now, "sign-ins")

    def failed(self, name: str, origin: str, now: datetime) -> None:
        """They were not let in."""
        with self._lock:
            for key in _keys(name, origin):
                bucket = self._bucket(key, self._sign_ins, now)
                bucket.failures += 1
                if bucket.failures >= FREE_FAILURES:
                    wait = min(LONGEST_SECONDS, 2.0 ** min(bucket.failures - FREE_FAILURES, 30))
                    bucket.closed_until = now.timestamp() + wait

    def succeeded(self, name: str, origin: str, now: datetime) -> None:
        """They were let in."""
        with self._lock:
            for key in _keys(name, origin):
                self._bucket(key, self._sign_ins, now).failures = 0

    def write(self, who: Who, now: datetime) -> None:
        """Somebody sends something to be written. Raises TooManyRequestsException when it is too soon."""
        with self._lock:
            self._take(("by", who.by), self._writes, now, "requests that write")

    def _take(self, key: tuple[str, str], most: int, now: datetime, what: str) -> None:
        bucket = self._bucket(key, most, now)
        wait = max(bucket.closed_until - bucket.seen, (1 - bucket.level) * 60 / most)
        if wait > 1e-9:
            seconds = ceil(wait)
            raise TooManyRequestsException(
                f"too many {what}; try again in {seconds} {'second' if seconds == 1 else 'seconds'}",
                headers={"Retry-After": str(seconds)},
            )
        bucket.level -= 1

    def _bucket(self, key: tuple[str, str], most: int, now: datetime) -> _Bucket:
        """The bucket of a key, as full as it is by now; a clock that goes back fills none."""
        at = now.timestamp()
        bucket = self._buckets.setdefault(key, _Bucket(float(most), at))
        self._buckets.move_to_end(key)
        while len(self._buckets) > self._most_keys:
            self._buckets.popitem(last=False)
        bucket.level = min(float(most), bucket.level + max(0.0, at - bucket.seen) * most / 60)
        bucket.seen = at
        return bucket


async def check_writes(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """A guard: nobody writes too often."""
    who = who_asks(connection)
    if changes_something(connection) and handler.opt.get(RIGHT) not in (May.ALWAYS, May.OWN) and who.by:
        state = connection.app.state
        state.limits.write(who, state.live.clock())


def _keys(name: str, origin: str) -> list[tuple[str, str]]:
    return [("address", _network(origin)), ("name", name.strip().lower()[:64])]


def _network(origin: str) -> str:
    """An address; of IPv6 the network, since whoever has one address there has them all."""
    try:
        found = ip_address(origin)
    except ValueError:
        return origin[:64]
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped) if found.ipv4_mapped else str(found.exploded)[:19]
    return origin
