"""Receipts: what somebody takes home, as a file and as a code for the phone.

    /receipts/INDEX              what the receipt of an entry says, its code, and how it is checked
    /receipts/INDEX/file         the receipt itself (.tlog-proof)
    /receipts/INDEX/code.svg     a QR code; with `whole=1` the receipt itself, where one code can hold it
    /receipts/INDEX/root?size=N  the root of the ledger at a size, for whoever kept a code

A QR code holds at most 2,953 bytes, and one that full is hard to read off a screen at the pit-head. So the code is the address of the
receipt and, behind its `#`, the fingerprint of the entry and of the whole ledger at that moment:

    https://HOST/receipts/INDEX#LEAF.SIZE.ROOT      leaf hash and root in URL-safe base64 without padding

What stands behind the `#` never reaches this host. Whoever keeps a photograph of the code holds it against the ledger later: the page's
script computes the leaf hash from the receipt and compares both.
"""

import base64
import io
from dataclasses import dataclass
from typing import Annotated, Any

import segno
from litestar import Request, Response, get
from litestar.exceptions import PermissionDeniedException
from litestar.params import FromQuery, PathParameter, QueryParameter
from litestar.response import Template

from .. import codec, cosigned, entries
from ..checkpoint import split_note
from ..entries import Entry
from ..errors import Refused
from ..kinds import Incident, Worker
from ..ledger import verifiers
from ..merkle import leaf_hash
from ..receipt import Receipt, of_entry
from . import naming
from .live import Live
from .page import Served, page
from .problems import NotHere
from .roles import May, Who, needs, who_asks

ENDING = ".tlog-proof"
MOST_IN_A_CODE = 2953
"""Bytes that the largest QR code holds, with the least correction of errors."""
Index = Annotated[int, PathParameter(ge=0, lt=2**53)]
Size = Annotated[int, QueryParameter(ge=0, lt=2**53)]


@dataclass(frozen=True)
class ReceiptPage:
    """The receipt of an entry, told."""

    index: int
    """The entry."""
    kind: str
    """What sort of fact it is."""
    name: str | None
    """Its id, where it has one."""
    entry: Entry
    """The entry itself."""
    size: int
    """How many entries the checkpoint covers."""
    leaf: str
    """The leaf hash of the entry, hexadecimal."""
    root: str
    """The root that was signed, hexadecimal."""
    witnesses: list[str]
    """Who cosigned that checkpoint."""
    key: str
    """The verifier key with which it is checked."""
    rotated: list[int]
    """The entries by which the key has changed, whose receipts are needed as well by who knows the first one only."""
    bytes: int
    """How long the receipt is."""
    in_one_code: bool
    """Whether a QR code can hold it whole."""
    file: str
    """The name of the file."""


@dataclass(frozen=True)
class Made:
    """A receipt with what belongs to it."""

    receipt: Receipt
    data: bytes
    entry: Entry
    key: str
    rotated: list[int]


@get("/receipts/{index:int}", opt=needs(May.READ), sync_to_thread=True, include_in_schema=False)
def receipt_page(request: Request[Who, Any, Any], live: Served, index: Index) -> Template:
    """What the receipt of an entry says, and its code."""
    made = made_for(live, who_asks(request), index)
    head = made.receipt.checkpoint
    names = [found.name for found in split_note(made.receipt.note)[1] if found.name != head.origin]
    told = ReceiptPage(
        index=index, kind=entries.kind_of(made.entry), name=(entries.identity(made.entry) or (None, None))[1], entry=made.entry,
        size=head.size, leaf=leaf_hash(made.receipt.entry).hex(), root=head.root.hex(), witnesses=names, key=made.key,
        rotated=made.rotated, bytes=len(made.data), in_one_code=len(made.data) <= MOST_IN_A_CODE, file=f"entry-{index}{ENDING}",
    )  # fmt: skip
    return page(request, "receipt.html", told)


@get("/receipts/{index:int}/file", opt=needs(May.READ), sync_to_thread=True, include_in_schema=False)
def receipt_file(request: Request[Who, Any, Any], live: Served, index: Index) -> Response[bytes]:
    """The receipt of an entry."""
    made = made_for(live, who_asks(request), index)
    headers = {
        "Content-Disposition": f'attachment; filename="entry-{index}{ENDING}"',
        "X-Content-Type-Options": "nosniff",
    }
    return Response(made.data, media_type="text/plain; charset=utf-8", headers=headers)


@get("/receipts/{index:int}/code.svg", opt=needs(May.READ), sync_to_thread=True, include_in_schema=False)
def receipt_code(
    request: Request[Who, Any, Any], live: Served, index: Index, whole: FromQuery[bool] = False
) -> Response[bytes]:
    """The code of a receipt as a picture."""
    made = made_for(live, who_asks(request), index)
    if whole and len(made.data) > MOST_IN_A_CODE:
        raise Refused(
            f"this receipt has {len(made.data):,} bytes, and a code holds {MOST_IN_A_CODE:,}; download it instead"
        )
    held = made.data if whole else address_of(str(request.base_url), made).encode()
    return Response(drawn(held, f"Receipt of entry {index}"), media_type="image/svg+xml")


@get("/receipts/{index:int}/root", opt=needs(May.READ), sync_to_thread=True, include_in_schema=False)
def receipt_root(live: Served, index: Index, size: Size) -> dict[str, Any]:
    """The root at a size, in the form that codes have."""
    if not index < size <= live.now().size:
        raise Refused(
            f"the ledger has {live.now().size} entries; a code of entry {index} is of a size above {index} up to that"
        )
    return {"size": size, "root": short(live.ledger.root(size))}


ROUTES = [receipt_page, receipt_file, receipt_code, receipt_root]


def made_for(live: Live, who: Who, index: int) -> Made:
    """The receipt of an entry under the newest checkpoint, one that witnesses cosigned where there is one that covers it.

    Raises NotHere beyond the end, and refuses what would tell of a person what is not for who asks.
    """
    with live.ledger.snapshot() as snapshot:
        if index >= snapshot.size:
            raise NotHere(
                f"there is no entry {index}: the ledger has {snapshot.size}, numbered from 0; look under Ledger"
            )
        entry = codec.decode(snapshot.entry(index))
        check_allowed(live, who, entry)
        keys = verifiers(snapshot)
        made = of_entry(snapshot, index, keys, cosigned.kept(live.ledger.address))
    ids = {found.id for found in split_note(made.note)[1]}
    signed = next(number for number, key in enumerate(keys) if key.id in ids)
    return Made(made, made.encode(), entry, str(keys[signed]), live.ledger.find("key", "")[:signed])


def check_allowed(live: Live, who: Who, entry: Entry) -> None:
    """A receipt carries its entry whole: none is given of a name that was erased, nor of somebody else's harm."""
    if isinstance(entry, Worker) and entry.id in live.ledger.erased():
        raise NotHere(
            f"who worker {entry.id} was has been erased, and this receipt would carry it; there is none of this entry"
        )
    if isinstance(entry, Incident) and not (who.may(May.READ_PEOPLE) or naming.may_know(who, entry.worker or "")):
        raise PermissionDeniedException("an incident concerns a person; sign in as somebody who may see it")


def short(data: bytes) -> str:
    """A hash as codes have it: URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def address_of(base: str, made: Made) -> str:
    """What the code holds."""
    head = made.receipt.checkpoint
    leaf = short(leaf_hash(made.receipt.entry))
    return f"{base.rstrip('/')}/receipts/{made.receipt.index}#{leaf}.{head.size}.{short(head.root)}"


def drawn(held: bytes, title: str) -> bytes:
    """A QR code as SVG, black on white whatever the page's colours: a camera needs it so."""
    into = io.BytesIO()
    code = segno.make(held, micro=False, boost_error=True, error="m" if len(held) < 1000 else "l", mode="byte")
    code.save(into, kind="svg", border=4, dark="#000", light="#fff", xmldecl=False, omitsize=True, title=title)
    return into.getvalue()
