"""Asking a board over HTTP: what was lost is asked again, and a refusal of the server is raised here as the same error.

A request that enters something carries a key of its own (`Idempotency-Key`), the same at every try, so that it enters once. The token
goes with every request, and to no other host: redirections are not followed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from time import sleep
from types import TracebackType
from typing import Any

import httpx

from . import errors
from .address import WebAddress
from .errors import BadEntry, Broken, CannotReach, CheckweighError, Refused, Unsure

PREFIX = "/api/v1"
PAUSES = (0.2, 1.0, 3.0)
"""Seconds before each further try."""
PATIENCE = httpx.Timeout(60.0, connect=10.0)
Query = list[tuple[str, str]]
Content = bytes | Callable[[], Iterable[bytes]]
"""A body; one that is long is made anew for each try."""


class RemoteRefusal(Refused):
    """A board refused a request; `answer` is the whole of what it said."""

    def __init__(self, message: str, answer: Mapping[str, Any]) -> None:
        self.answer = answer
        super().__init__(message)


class Client:
    """A connection to one board."""

    def __init__(self, address: WebAddress, token: str | None, transport: httpx.BaseTransport | None = None) -> None:
        self.address = address
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        try:
            self._http = httpx.Client(headers=headers, timeout=PATIENCE, transport=transport, trust_env=False)
        except (UnicodeEncodeError, ValueError):
            raise Refused("the token in CHECKWEIGH_TOKEN cannot be sent: it is not the line that was shown") from None
        self._token = token is not None
        self._reached = False

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, query: Iterable[tuple[str, Any]] = ()) -> httpx.Response:
        """What a path answers. Raises the error that the board tells, or CannotReach."""
        return self._asked("GET", path, query)

    def send(
        self, path: str, query: Iterable[tuple[str, Any]], content: Content, media: str, key: str | None = None
    ) -> httpx.Response:
        """What is answered to something that is entered. Raises Unsure where it is not known whether it was."""
        headers = {"Content-Type": media} | ({"Idempotency-Key": key} if key else {})
        return self._asked("POST", path, query, content, headers)

    def _asked(
        self,
        method: str,
        path: str,
        query: Iterable[tuple[str, Any]],
        content: Content | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        told = httpx.QueryParams([(name, str(value)) for name, value in query])
        sent = False
        for pause in (*PAUSES, None):
            body = content() if callable(content) else content
            try:
                answer = self._http.request(method, self._url(path), params=told, content=body, headers=headers)
            except httpx.HTTPError as error:
                sent |= not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
                if pause is None:
                    raise self._lost(error, method, sent) from None
            else:
                if answer.status_code != 503 or pause is None:
                    return self._checked(answer, method)
            sleep(pause or 0)
        raise AssertionError("the last try returns or raises")

    @contextmanager
    def stream(self, path: str, query: Iterable[tuple[str, Any]], accept: str) -> Iterator[httpx.Response]:
        """An answer of any length, as it comes. Raises the error that the board tells, and CannotReach when it is cut off."""
        told = httpx.QueryParams([(name, str(value)) for name, value in query])
        try:
            with self._http.stream("GET", self._url(path), params=told, headers={"Accept": accept}) as answer:
                if answer.status_code != 200:
                    answer.read()
                    self._checked(answer, "GET")
                yield answer
        except httpx.HTTPError as error:
            raise self._lost(error, "GET", False) from None

    def _url(self, path: str) -> str:
        return f"{self.address.uri}{PREFIX}/{path}"

    def _lost(self, error: httpx.HTTPError, method: str, sent: bool) -> CheckweighError:
        said = str(error) or type(error).__name__
        if method == "POST" and sent:
            return Unsure(
                f"{self.address}: the connection was lost while it was written ({said}), and the board does not answer now; "
                f"before entering it again, look whether it is there: checkweigh log {self.address.typed}"
            )
        return CannotReach(f"{self.address} cannot be reached: {said}; is the address right, and the board running?")

    def _checked(self, answer: httpx.Response, method: str) -> httpx.Response:
        if answer.status_code < 300:
            return answer
        raise self._error(answer, method)

    def _error(self, answer: httpx.Response, method: str) -> CheckweighError:
        told = _problem(answer)
        if told is None:
            return Refused(
                f"{self.address} does not answer as a board does ({answer.status_code} {answer.reason_phrase}); is the address right?"
            )
        detail = str(told.get("detail"))
        known = getattr(errors, str(told.get("type", "")).rpartition(":")[2], None)
        if told.get("report"):
            return RemoteRefusal(detail, told)
        if told.get("problems") and known is BadEntry:
            return _bad_entry(told)
        if isinstance(known, type) and issubclass(known, CheckweighError):
            return _raised(known, detail)
        if answer.status_code == 401 and not self._token:
            return Refused(
                f"{self.address}: {detail}; put a token into CHECKWEIGH_TOKEN, as `checkweigh token add` shows one"
            )
        if answer.status_code >= 500:
            return Unsure(f"{self.address}: {detail}") if method == "POST" else CannotReach(f"{self.address}: {detail}")
        return Refused(f"{self.address}: {detail}")


def _problem(answer: httpx.Response) -> dict[str, Any] | None:
    """What a board says of an error; None where it is no board that speaks."""
    if answer.headers.get("content-type", "").partition(";")[0] != "application/problem+json":
        return None
    try:
        told = answer.json()
    except ValueError:
        return None
    return told if isinstance(told, dict) and "detail" in told else None


def _bad_entry(told: Mapping[str, Any]) -> BadEntry:
    found = [(str(one["field"]), one["value"], str(one["reason"])) for one in told["problems"]]
    return BadEntry(str(told.get("kind", "entry")), found)


def _raised(kind: type[CheckweighError], detail: str) -> CheckweighError:
    """An error of a kind with a message that is complete already."""
    error = kind.__new__(kind)
    Exception.__init__(error, detail)
    return error


def answered(answer: httpx.Response, address: WebAddress) -> Any:
    """The JSON of an answer. Raises Broken where it is none."""
    try:
        return answer.json()
    except ValueError:
        raise Broken(f"{address} answers with what is no JSON; is the address right?") from None
