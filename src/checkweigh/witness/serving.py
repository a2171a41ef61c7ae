"""A witness over HTTP (C2SP tlog-witness), as an ASGI application and the server that runs it.

    POST /add-checkpoint             a submission -> 200 the cosignature line; 400, 403, 404, 422 the reason; 409 the size agreed to
    POST /add-handover               our own: origin, next verifier key, signature of the key before, a line each -> 200, or as above
    GET  /ORIGIN-SHA-256/checkpoint  the last cosigned checkpoint of a ledger
    GET  /                           who this is, and whom it follows

What is too long is refused before it is read, what is too slow is hung up on, and a stop waits for what has begun.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .. import listening
from ..checkpoint import Verifier
from ..errors import BadSignature, CheckweighError, Refused
from .book import Considered, Directory, Witness
from .decision import MALFORMED, NOT_FOLLOWED, NOT_SIGNED, OK, OTHER_SIZE
from .submission import MOST_BYTES, BadSubmission, Submission

MOST_CONNECTIONS = 100
NOT_FOUND, NOT_ALLOWED, TOO_SLOW, TOO_LONG, FAILED = 404, 405, 408, 413, 503
PLAIN, SIZE = "text/plain; charset=utf-8", "text/x.tlog.size"

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Hear = Callable[[Considered], None]
"""Called with whatever was considered, before it is answered."""


@dataclass(frozen=True)
class Reply:
    """An answer as HTTP has it."""

    status: int
    text: str
    content_type: str = PLAIN


class _Stopped(Exception):
    """A request that is answered without being read to its end."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply


class Application:
    """The witness in a directory as an ASGI application. `now` is the clock, `hear` is told what was considered."""

    def __init__(self, book: Directory, now: Callable[[], datetime], hear: Hear) -> None:
        self._book = book
        self._witness = Witness(book.signer, book)
        self._now = now
        self._hear = hear

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        try:
            reply = await self._reply(scope["method"], scope["path"], receive)
        except _Stopped as stopped:
            reply = stopped.reply
        except BadSubmission as error:
            reply = Reply(MALFORMED, f"{error}\n")
        except BadSignature as error:
            reply = Reply(NOT_SIGNED, f"{error}\n")
        except (CheckweighError, OSError) as error:
            reply = Reply(FAILED, f"{error}\n")
        data = reply.text.encode()
        headers = [(b"content-type", reply.content_type.encode()), (b"content-length", str(len(data)).encode())]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": data})

    async def _reply(self, method: str, path: str, receive: Receive) -> Reply:
        posts = {"/add-checkpoint": self._add_checkpoint, "/add-handover": self._add_handover}
        if path in posts:
            if method != "POST":
                return Reply(NOT_ALLOWED, f"{path} takes a POST\n")
            return await asyncio.to_thread(posts[path], await _body(receive))
        if method not in ("GET", "HEAD"):
            return Reply(NOT_ALLOWED, "there is nothing here to be changed\n")
        if path == "/":
            return Reply(OK, await asyncio.to_thread(self._who))
        asked = re.fullmatch("/([0-9a-f]{64})/checkpoint", path)
        note = await asyncio.to_thread(self._book.by_hash, asked[1]) if asked else None
        return Reply(OK, note) if note else Reply(NOT_FOUND, "there is nothing here\n")

    def _add_checkpoint(self, body: bytes) -> Reply:
        considered = self._witness.consider(Submission.parse(body), self._now())
        self._hear(considered)
        answer = considered.answer
        if answer.status == OK:
            return Reply(OK, considered.line)
        if answer.status == OTHER_SIZE:
            return Reply(OTHER_SIZE, f"{answer.size}\n", SIZE)
        return Reply(answer.status, f"{answer.reason}\n")

    def _add_handover(self, body: bytes) -> Reply:
        origin, key, signature = _handover(body)
        if self._witness.followed(origin) is None:
            return Reply(NOT_FOLLOWED, f"{origin} is not followed here\n")
        self._witness.follow(key, signature)
        return Reply(OK, f"{key}\n")

    def _who(self) -> str:
        followed = "".join(f"{found.origin} {found.checkpoint.size}\n" for found in self._book.all_followed())
        return f"{self._witness.key}\n\n{followed}"


def _handover(body: bytes) -> tuple[str, Verifier, str]:
    try:
        origin, key, signature, end = body.decode("utf-8").split("\n")
        found = Verifier.parse(key)
    except (ValueError, Refused):
        raise BadSubmission("the body is not an origin, a verifier key and a signature, a line each") from None
    if end or found.name != origin:
        raise BadSubmission("the next key is not named like the ledger")
    return origin, found, signature


async def _body(receive: Receive) -> bytes:
    """The body of a request. It must be short, and arrive in time."""
    try:
        async with asyncio.timeout(listening.PATIENCE_SECONDS):
            return await _received(receive)
    except TimeoutError:
        raise _Stopped(
            Reply(TOO_SLOW, f"the request took longer than {listening.PATIENCE_SECONDS} seconds\n")
        ) from None


async def _received(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Stopped(Reply(MALFORMED, "the request ended too early\n"))
        body += message.get("body", b"")
        if len(body) > MOST_BYTES:
            raise _Stopped(Reply(TOO_LONG, f"the request is longer than {MOST_BYTES:,} bytes\n"))
        if not message.get("more_body"):
            return bytes(body)


def serve(application: Application, at: socket.socket) -> None:
    """Serve until the process is told to stop (SIGINT, SIGTERM), and finish what has begun. Raises Refused where uvicorn is missing."""
    try:
        import uvicorn
    except ImportError:
        raise Refused(
            "the server of a witness needs uvicorn; install it with `pip install 'checkweigh[witness]'`"
        ) from None

    settings = uvicorn.Config(
        application,
        http=listening.impatient(),
        ws="none",
        lifespan="off",
        log_level="error",
        access_log=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=listening.PATIENCE_SECONDS,
        timeout_graceful_shutdown=listening.PATIENCE_SECONDS,
        server_header=False,
    )
    uvicorn.Server(settings).run(sockets=[at])
