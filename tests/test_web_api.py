"""The API: the same figures as every other face, entries that come in once, and one shape of refusal."""

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import pyarrow as pa
import pytest
from litestar.exceptions import HTTPException
from pyarrow import parquet

from checkweigh import asking, codec, merkle, render, tables
from checkweigh.answered import Noted
from checkweigh.derived import DERIVED
from checkweigh.ledger import Ledger
from checkweigh.published import Published
from checkweigh.receipt import Receipt
from checkweigh.web import rights
from checkweigh.web.api import answers, entering, events
from checkweigh.web.problems import MEDIA_TYPE
from checkweigh.web.roles import May, Role, Who
from conftest import EDGE, SITE, added, founded, shift
from web import board, somebody

ROWS = {"accept": "application/json"}
SHIFT = {
    "kind": "shift", "id": "s-1", "worker": "ada", "job": "hew", "site": "north", "started": "2025-09-01T06:00", "hours": "5:45",
    "quantity": "102000 kg",
}  # fmt: skip


def filled(ledger):
    """The small ledger with a quota, shifts, a verdict and a second site."""
    added(ledger, "site", **{**SITE, "id": "south", "name": "South pit"})
    added(ledger, "quota", id="seven", job="hew", quantity="7", per="worker", **{"from": "2025-01-01"})
    for day, name in enumerate(("a", "b", "c", "d"), 1):
        fields = shift(name, started=f"2025-09-0{day}T06:00:00Z", quantity=str(day * 7), hours="6")
        claim = {"claimed_attainment": "99"} if name == "d" else {}
        added(ledger, "shift", **{**fields, **claim, "worker": "bo" if day % 2 else "ada"})
    added(ledger, "award", worker="ada", name="a good shift", on="2025-09-05", **{"for": ["d"]})
    added(ledger, "verdict", shift="b", ruling="annulled", reason="two crews on one tally")
    return ledger


@pytest.fixture
def book(ledger):
    return filled(ledger)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """The same, for all tests that write nothing into it."""
    with founded(tmp_path_factory.mktemp("kept") / "ledger") as ledger:
        yield filled(ledger)


@pytest.fixture(scope="module")
def reading(kept):
    """The board of `kept`, which remembers what it was asked."""
    with board(kept) as client:
        yield client


@pytest.fixture(scope="module")
def tables_at_hand(kept):
    """What stands in `kept`."""
    return tables.at(kept)


def problem(answer, status, *words):
    """That an answer is a refusal in the one shape, and says this."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].partition(";")[0] == MEDIA_TYPE
    found = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= set(found) and found["status"] == status
    assert all(word in answer.text for word in words), answer.text
    return found


# ---- figures


@pytest.mark.parametrize("name", DERIVED)
def test_a_table_is_what_the_command_line_prints(kept, reading, run, name):
    answer = reading.get(f"/api/v1/tables/{name}", params={"format": "json", "at": kept.size - 1})
    assert answer.status_code == 200, answer.text
    assert answer.text == run("show", name, kept.address, "--format", "json", "--at", kept.size - 1).out


@pytest.mark.parametrize("name", DERIVED)
def test_the_same_rows_in_every_format_and_by_pages(reading, tables_at_hand, name, monkeypatch):
    derive, derived = DERIVED[name].derive, []
    with asking.answer([tables_at_hand], DERIVED[name], {}) as reader:
        whole = reader.read_all()
    counted = replace(DERIVED[name], derive=lambda known, **asked: derived.append(name) or derive(known, **asked))
    monkeypatch.setitem(DERIVED, name, counted)
    address = f"/api/v1/tables/{name}"
    arrow = reading.get(address, headers={"accept": "application/vnd.apache.arrow.stream"})
    assert pa.ipc.open_stream(arrow.content).read_all() == whole
    file = reading.get(address, headers={"accept": "text/html;q=0.9, application/vnd.apache.parquet"})
    assert parquet.read_table(BytesIO(file.content)).equals(whole)
    assert whole.num_rows or name in ("spread",), "an empty table shows nothing"
    a_page = max(2, whole.num_rows // 4)
    assert pages(reading, f"{address}?limit={a_page}&format=json") == json.loads(
        b"".join(part for part, _ in render.pieces(whole.to_reader(), "json"))
    )
    assert derived == [name], "what is derived of a small state serves every form and every page"


def pages(client, address):
    """The rows of all pages, one after the other."""
    rows = []
    while address:
        answer = client.get(address, headers=ROWS)
        assert answer.status_code == 200, answer.text
        rows += answer.json()
        address = answer.links.get("next", {}).get("url")
    return rows


def test_rows_are_chosen_by_columns_and_put_in_order(book):
    with board(book) as client:

        def ids(**asked):
            return [row["id"] for row in client.get("/api/v1/tables/attainment", params=asked, headers=ROWS).json()]

        assert ids() == ["a", "b", "c", "d"]
        assert ids(worker="ada") == ["b", "d"]
        assert ids(id=["a", "d"]) == ["a", "d"]
        assert ids(status="annulled") == ["b"]
        assert ids(day="2025-09", order="-quantity") == ["d", "c", "b", "a"]
        assert ids(crew="none", order=["worker", "-id"]) == ["d", "b", "c", "a"]
        assert ids(quantity="14.000") == ["b"]
        assert ids(quota_after_shift="yes") == ids(worker="nobody") == []


def test_a_name_that_clashes_stays_reachable(book):
    with board(book) as client:
        clashing = [
            (one["href"], column["filter"])
            for one in client.get("/api/v1/tables").json()
            for column in one["columns"]
            if column["filter"] not in (None, column["name"])
        ]
        assert clashing and all(name.startswith("where.") for _, name in clashing)
        href = "/api/v1/tables/records"
        whole = client.get(href, headers=ROWS).json()
        for name in [name for at, name in clashing if at == href]:
            column = name.removeprefix("where.")
            for value in sorted({row[column] for row in whole}, key=str)[:1]:
                found = client.get(href, params={name: value or "none"}, headers=ROWS).json()
                assert found == [row for row in whole if row[column] == value] != [], (name, value)


def test_pages_of_one_listing_agree_while_the_ledger_grows(book):
    with board(book) as client:
        first = client.get("/api/v1/tables/standings?period=all&limit=1", headers=ROWS)
        added(book, "shift", **shift("e", quantity="700"))
        client.live.woken()
        second = client.get(first.links["next"]["url"], headers=ROWS)
        whole = client.get(
            "/api/v1/tables/standings", params={"period": "all", "at": book.size - 1}, headers=ROWS
        ).json()
        assert first.json() + second.json() == whole
        assert second.headers["checkweigh-size"] == first.headers["checkweigh-size"]
        problem(client.get(first.links["next"]["url"].replace("period=all", "period=month")), 404, "another question")
        problem(client.get("/api/v1/tables/records?cursor=eyJhIjoxfQ", headers=ROWS), 404, "cursor")


def test_what_changed_between_two_states(book, run):
    with board(book) as client:
        asked = {"at": book.size, "against": book.size - 1, "format": "json"}
        answer = client.get("/api/v1/tables/attainment", params=asked)
        assert (
            answer.text == run("show", "attainment", book.address, "--against", book.size - 1, "--format", "json").out
        )
        assert [row["difference"] for row in answer.json()] == ["changed"]
        assert client.get("/api/v1/tables/attainment", params={**asked, "difference": "added"}).json() == []
        assert pages(client, f"/api/v1/tables/attainment?at={book.size}&against=0&limit=1&format=json") == (
            client.get("/api/v1/tables/attainment", params={**asked, "against": 0}).json()
        )
        problem(client.get("/api/v1/tables/attainment?difference=added"), 404, "against")


def test_a_figure_is_explained_as_the_command_explains_it(book, run):
    with board(book) as client:
        answer = client.get("/api/v1/explain/attainment?word=b&word=labour_attainment")
        told = run("explain", book.address, "attainment", "b", "labour_attainment", "--format", "json").out
        assert answer.json() == json.loads(told)
        problem(client.get("/api/v1/explain/attainment?word=nobody"), 404, "no such row")
        problem(client.get("/api/v1/explain/attainment?worker=ada"), 404, "rows fit", "id d")
        assert client.get("/api/v1/explain/attainment?worker=ada&id=d").json()["row"] == {"id": "d"}


def test_a_level_is_a_number_within_its_bounds(reading):
    assert reading.get("/api/v1/audit?level=1e-05").status_code == 200
    for level in ("0", "0.21", "-0.1", "1e999", "nan", "0,1"):
        problem(reading.get("/api/v1/audit", params={"level": level}), 400, "a number above 0 and up to 0.2")


def test_findings_and_cases_have_short_addresses(kept, reading):
    asked = {"at": kept.size - 1}
    for short, name in (("audit", "findings"), ("cases", "cases")):
        found = reading.get(f"/api/v1/{short}", params=asked)
        assert found.status_code == 200
        assert found.content == reading.get(f"/api/v1/tables/{name}", params=asked).content


# ---- states and their names


def test_an_answer_is_named_and_not_sent_twice(book):
    with board(book) as client:
        for path in (
            "/api/v1/ledger",
            "/api/v1/tables/records",
            "/api/v1/entries",
            "/api/v1/entries/0",
            "/api/v1/checkpoint",
        ):
            first = client.get(path)
            again = client.get(path, headers={"if-none-match": first.headers["etag"]})
            assert again.status_code == 304 and not again.content, path
            other = client.get(path, headers={"if-none-match": '"other"', "accept": "text/csv, */*"})
            assert other.status_code == 200
        tag = client.get("/api/v1/tables/records").headers["etag"]
        added(book, "shift", **shift("e"))
        client.live.woken()
        assert client.get("/api/v1/tables/records", headers={"if-none-match": tag}).status_code == 200


def test_an_erasure_is_seen_in_every_state_at_once(book):
    added(book, "worker", id="cy", site="north", name="Cyrus Vance", **{"from": "2025-01-01"})
    size = book.size
    with board(book) as client:
        asked = {"kind": "worker", "until": size}
        first = client.get("/api/v1/entries", params=asked)
        assert "Cyrus Vance" in first.text and client.get(f"/api/v1/entries/{size - 1}/receipt").status_code == 200
        table = client.get("/api/v1/tables/standings", params={"at": size, "period": "all"})
        added(book, "erasure", worker="cy", reason="asked for it")
        client.live.woken()
        again = client.get("/api/v1/entries", params=asked, headers={"if-none-match": first.headers["etag"]})
        assert again.status_code == 200 and "Cyrus" not in again.text
        assert "Cyrus" not in client.get(f"/api/v1/entries/{size - 1}").text
        problem(client.get(f"/api/v1/entries/{size - 1}/receipt"), 404, "erased")
        kept = {"if-none-match": table.headers["etag"]}
        assert (
            client.get("/api/v1/tables/standings", params={"at": size, "period": "all"}, headers=kept).status_code
            == 200
        )


def test_the_head_alone(book):
    with board(book) as client:
        for path in (
            "/api/v1/ledger",
            "/api/v1/tables/records",
            "/api/v1/entries/0",
            "/api/v1/log/tile/0/000.p/2",
            "/api/v1/events",
        ):
            answer = client.head(path)
            assert answer.status_code == 200 and not answer.content, path
            assert answer.headers.get("content-length") != "0", f"{path} has a body when it is asked for"


# ---- the ledger, its entries and proofs


def test_the_state_of_the_ledger(book):
    with board(book) as client:
        told = client.get("/api/v1/ledger").json()
        assert (told["origin"], told["size"], told["root"]) == (book.origin, book.size, book.root().hex())
        assert (
            told["verifier"] == book.verifier
            and told["recorded"] == "2026-01-01T00:00:00Z"
            and not told["demonstration"]
        )
        assert client.get("/api/v1/checkpoint").text == book.checkpoint()
        assert client.get("/api/v1/ledger?at=2").json()["root"] == book.root(2).hex()
        assert client.get("/api/v1/ledger?at=2024-12-31").json()["size"] == 0
        problem(client.get("/api/v1/ledger?at=99999"), 404, "beyond the ledger")
        problem(client.get("/api/v1/ledger?at=2025-02-30"), 404, "neither a size nor a date")
        assert client.get("/api/v1/ledger?at=9999-12-31").json()["size"] == book.size


def test_entries_by_kind_by_name_and_by_pages(book, run):
    with board(book) as client:
        told = json.loads(run("log", book.address, "--format", "json").out)
        assert client.get("/api/v1/entries?limit=1000").json() == told == pages(client, "/api/v1/entries?limit=3")
        about = json.loads(run("log", book.address, "--about", "b", "--format", "json").out)
        assert pages(client, "/api/v1/entries?about=b&limit=1") == about != []
        kinds = [one["index"] for one in client.get("/api/v1/entries?kind=shift&from=7&until=9").json()]
        assert kinds == [7, 8] and told[7]["kind"] == told[8]["kind"] == "shift"
        assert client.get("/api/v1/entries/7").json() == told[7]
        problem(client.get(f"/api/v1/entries/{book.size}"), 404, "beyond the end")
        for wrong in ("-1", "x", "1.0", "9" * 30, "٣"):
            problem(client.get(f"/api/v1/entries/{wrong}"), 404)


def test_proofs_are_those_of_the_ledger(book):
    with board(book) as client:
        told = client.get("/api/v1/entries/3/inclusion", params={"size": 6}).json()
        hashes = [pa.py_buffer(one).to_pybytes() for one in book.inclusion_proof(3, 6)]
        assert [answers.base64.b64decode(one) for one in told["proof"]] == hashes
        merkle.check_inclusion(3, 6, bytes.fromhex(told["leaf_hash"]), hashes, bytes.fromhex(told["root"]))
        told = client.get("/api/v1/consistency?old=2&new=7").json()
        proof = [answers.base64.b64decode(one) for one in told["proof"]]
        assert proof == book.consistency_proof(2, 7) and told["old_root"] == book.root(2).hex()
        made = Receipt.parse(client.get("/api/v1/entries/5/receipt").content)
        made.check_inclusion()
        assert made.entry == book.entry(5)
        for path in (
            "entries/3/inclusion?size=3",
            "consistency?old=7&new=2",
            "consistency?old=1&new=999",
            "batches/9-" + "a" * 64,
        ):
            problem(client.get(f"/api/v1/{path}"), 404)
        for path in (
            "entries/3/inclusion?size=0",
            "consistency?old=1",
            "consistency?old=1&old=1&new=2",
            "consistency?old=a&new=2",
        ):
            problem(client.get(f"/api/v1/{path}"), 400)


def test_any_client_of_a_log_can_read_it(tmp_path):
    with founded(tmp_path / "large") as ledger:
        with ledger.append(EDGE) as batch:
            for number in range(600):
                batch.add("source", {"id": f"s{number}", "title": "t", "publisher": "p", "published": "1935"})
        with board(ledger, "auditor") as client:

            def fetch(path):
                answer = client.get(f"/api/v1/log/{path}")
                if answer.status_code == 200 and "tile" in path:
                    assert "immutable" in answer.headers["cache-control"]
                return answer.content if answer.status_code == 200 else None

            read = Published("the log", fetch)
            assert read.checkpoint.size == ledger.size and read.keys == [ledger.verifier]
            assert read.root(ledger.size) == ledger.root() and read.root(300) == ledger.root(300)
            assert read.consistency_proof(100, 604) == ledger.consistency_proof(100, 604)
            bundle = fetch("tile/entries/001.p/200")
            first = ledger.entry(256)
            assert bundle[: 2 + len(first)] == len(first).to_bytes(2) + first
            for wrong in (
                "0/003",
                "0/002",
                "0/002.p/93",
                "0/1",
                "0/000.p/0",
                "0/000.p/257",
                "0/x000/001",
                "9/000",
                "0/../../ledger",
                "-1/000",
            ):
                problem(client.get(f"/api/v1/log/tile/{wrong}"), 404)
        with board(ledger) as client:
            problem(client.get("/api/v1/log/tile/entries/000"), 401)


# ---- entries that come in


def test_an_entry_is_read_as_a_person_writes_it(book):
    with board(book, somebody("supervisor", site="north")) as client:
        answer = client.post("/api/v1/entries", json=SHIFT)
        assert answer.status_code == 201, answer.text
        told = answer.json()
        entry = codec.decode(book.entry(told["entries"][0]["index"]))
        assert (entry.quantity, entry.hours, entry.started) == ("102", "5.75", "2025-09-01T03:00:00Z")
        assert entry.by == "account:supervisor" and told["size"] == book.size and told["root"] == book.root().hex()
        assert client.get(f"/api/v1/batches/{told['batch']}").json() == {
            "batch": told["batch"],
            "from": 12,
            "until": 13,
        }
        assert client.get(answer.headers["location"]).json()["id"] == "s-1"


def test_canonical_entries_go_in_as_they_are_and_all_or_none(book):
    sent = {name: value for name, value in json.loads(book.entry(7)).items() if name not in ("recorded", "by", "salt")}
    helped = {**sent, "id": "h", "helpers": [{"worker": "bo", "role": "timberer", "hours": "6"}], "worker": "ada"}
    with board(book, "manager") as client:
        size = book.size
        wrong = client.post(
            "/api/v1/entries",
            json=[helped, {**helped, "id": "i", "quantity": "lots"}, {**helped, "id": "j", "site": None}],
        )
        found = problem(wrong, 422)["problems"]
        assert [(one["entry"], one["field"]) for one in found] == [(2, "site")]
        found = problem(
            client.post("/api/v1/entries", json=[helped, {**helped, "id": "i", "quantity": "lots"}, {"kind": "shift"}]),
            422,
        )
        assert {(one["entry"], one["field"]) for one in found["problems"]} >= {(1, "quantity"), (2, "id")}
        assert book.size == size
        assert client.post("/api/v1/entries", json=[helped, {**helped, "id": "i", "quantity": 7.5}]).status_code == 201
        entry = codec.decode(book.entry(size))
        assert entry.helpers[0].role == "timberer" and codec.decode(book.entry(size + 1)).quantity == "7.5"
        problem(client.post("/api/v1/entries", json=[{**helped, "id": "k"}, helped]), 409, "already entry")
        assert book.size == size + 2


def test_the_same_key_enters_once(book):
    with board(book, "manager") as client:
        key = {"idempotency-key": "one"}
        first = client.post("/api/v1/entries", json=SHIFT, headers=key)
        size = book.size
        again = client.post("/api/v1/entries", json=SHIFT, headers=key)
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again.headers["idempotency-replayed"] == "true" and book.size == size
        problem(client.post("/api/v1/entries", json={**SHIFT, "id": "s-2"}, headers=key), 422, "another request")
        problem(client.post("/api/v1/entries?fold=later", json=SHIFT, headers=key), 422, "another request")
        problem(client.post("/api/v1/entries", json=SHIFT, headers={"idempotency-key": "with blank"}), 400)
        assert (
            client.post("/api/v1/entries", json={**SHIFT, "id": "s-2"}, headers={"idempotency-key": "two"}).status_code
            == 201
        )
    with board(book, somebody("manager", "other")) as client:
        problem(client.post("/api/v1/entries", json=SHIFT, headers=key), 409)


FACT = {"kind": "fact", "about": "ada", "field": "born", "value": "1906"}


def test_a_crash_before_the_commit_enters_nothing_twice_and_loses_nothing(book, monkeypatch):
    """A kind without an id: only the key tells a repeat."""
    with board(book, "manager") as client:
        key, size = {"idempotency-key": "k"}, book.size
        note = entering.answered.note

        def crash(*given):
            note(*given)
            raise OSError("the power fails after the note and before the commit")

        monkeypatch.setattr(entering.answered, "note", crash)
        problem(client.post("/api/v1/entries", json=FACT, headers=key), 500)
        assert book.size == size
        monkeypatch.setattr(entering.answered, "note", note)
        first = client.post("/api/v1/entries", json=FACT, headers=key)
        assert first.status_code == 201 and book.size == size + 1
        assert client.post("/api/v1/entries", json=FACT, headers=key).json() == first.json()
        assert book.size == size + 1


def test_many_at_once_with_one_key_enter_once(book):
    with board(book, "manager") as client:
        size, found = book.size, []

        def send():
            found.append(client.post("/api/v1/entries", json=FACT, headers={"idempotency-key": "k"}).json()["batch"])

        threads = [threading.Thread(target=send) for _ in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert len(found) == 8 and len(set(found)) == 1 and book.size == size + 1


def test_notes_are_forgotten_after_a_week(book):
    when = datetime(2026, 1, 1, tzinfo=UTC)
    entering.answered.note(book.address, "account:a", "k", b"d", Noted("1-aa", "{}"), when)
    entering.answered.note(book.address, "account:a", "l", b"d", Noted("2-bb", "{}"), when.replace(day=9))
    assert entering.answered.noted(book.address, "account:a", "k", b"d") is None
    assert entering.answered.noted(book.address, "account:a", "l", b"d").batch == "2-bb"


def test_recorded_is_for_demonstrations(tmp_path, book):
    with board(book, "manager") as client:
        problem(client.post("/api/v1/entries?recorded=2026-02-01T00:00Z", json=FACT), 422, "demonstration")
    with founded(tmp_path / "demo", demonstration=True) as demo, board(demo, "manager") as client:
        answer = client.post("/api/v1/entries?recorded=2026-02-01T00:00Z", json=FACT)
        assert answer.json()["recorded"] == "2026-02-01T00:00:00Z"
        problem(client.post("/api/v1/entries?recorded=2026-02-30T00:00Z", json=FACT), 422, "calendar")
        problem(client.post("/api/v1/entries?recorded=2020-02-01T00:00Z", json=FACT), 422, "before the last entry")


# ---- who may do what


KINDS = {
    "shift": SHIFT, "fact": FACT, "verdict": {"kind": "verdict", "shift": "a", "ruling": "verified", "reason": "seen"},
    "objection": {"kind": "objection", "entry": 6, "reason": "not mine"},
    "quota": {"kind": "quota", "id": "q", "job": "hew", "quantity": "8", "per": "worker", "from": "2026-01-01"},
    "erasure": {"kind": "erasure", "worker": "ada", "reason": "asked"},
    "incident": {"kind": "incident", "site": "north", "on": "2025-09-01", "severity": "light", "days_lost": 1},
}  # fmt: skip
ALLOWED = {
    "visitor": set(), "worker": {"objection"}, "supervisor": {"shift", "incident", "objection"}, "verifier": {"verdict", "objection"},
    "manager": {"shift", "fact", "quota", "incident", "objection"}, "auditor": {"objection"},
}  # fmt: skip


@pytest.mark.parametrize("role", list(Role))
def test_each_role_enters_what_it_may(tmp_path, role):
    assert ALLOWED.keys() == set(Role)
    with founded(tmp_path / "ledger") as ledger:
        added(ledger, "quota", id="seven", job="hew", quantity="7", per="worker", **{"from": "2025-01-01"})
        added(ledger, "site", **{**SITE, "id": "south"})
        added(ledger, "shift", **shift("a"))
        with board(ledger, somebody(role, worker="ada")) as client:
            for kind, entry in KINDS.items():
                answer = client.post("/api/v1/entries", json=entry)
                expected = 201 if kind in ALLOWED[role] else 401 if role is Role.VISITOR else 403
                assert answer.status_code == expected, (kind, answer.text)
                rows = client.post("/api/v1/imports?kind=shift", content=b"id\n", headers={"content-type": "text/csv"})
                assert rows.status_code in ((401, 403) if "shift" not in ALLOWED[role] else (200, 400, 422)), rows.text
    assert set(rights.RIGHTS) == set(codec.KINDS if hasattr(codec, "KINDS") else rights.KINDS)


def test_nobody_judges_what_they_entered(book):
    verdict = {"kind": "verdict", "shift": "s-1", "ruling": "verified", "reason": "seen"}
    with board(book, Who("x", Role.MANAGER, "account:x")) as client:
        assert client.post("/api/v1/entries", json=SHIFT).status_code == 201
    with board(book, Who("x", Role.VERIFIER, "account:x")) as client:
        problem(client.post("/api/v1/entries", json=verdict), 403, "nobody judges their own")
    with board(book, Who("y", Role.VERIFIER, "account:y")) as client:
        assert client.post("/api/v1/entries", json=verdict).status_code == 201
        withdrawn = {**verdict, "ruling": "withdrawn"}
        assert client.post("/api/v1/entries", json=withdrawn).status_code == 201
        problem(client.post("/api/v1/entries", json=withdrawn), 422, "withdrawn the verdict already")


def test_a_supervisor_enters_for_their_own_site(book):
    with board(book, somebody("supervisor", site="south")) as client:
        problem(client.post("/api/v1/entries", json=SHIFT), 403, "south only")
        answer = client.post("/api/v1/entries", json={"kind": "training", "trainee": "ada", "course": "pit rescue"})
        problem(answer, 403, "south only")
        file = b"id,worker,job,site,started,quantity\n1,ada,hew,north,2025-09-01 06:00,7\n"
        size = book.size
        sent = client.post("/api/v1/imports?name=north.csv", content=file, headers={"content-type": "text/csv"})
        problem(sent, 403, "south only")
        assert book.size == size
    with board(book, somebody("supervisor", site="north")) as client:
        answer = client.post("/api/v1/imports?name=north.csv", content=file, headers={"content-type": "text/csv"})
        assert answer.json()["added"] == 1 and book.size == size + 1
        again = client.post("/api/v1/imports?name=north.csv", content=file, headers={"content-type": "text/csv"})
        assert again.json()["skipped"] == 1 and book.size == size + 1
        problem(
            client.post("/api/v1/imports?create=yes", content=file, headers={"content-type": "text/csv"}), 403, "create"
        )


def test_a_worker_objects_to_their_own_work(book):
    with board(book, somebody("worker", worker="bo")) as client:
        for entry, status in ((6, 201), (7, 403), (10, 403), (0, 403), (999, 422)):
            answer = client.post("/api/v1/entries", json={"kind": "objection", "entry": entry, "reason": "no"})
            assert answer.status_code == status, (entry, answer.text)


def test_a_board_that_is_read_only_takes_nothing(tmp_path, book):
    path = book.address
    with Ledger.open(path) as opened, board(opened, "manager") as client:
        problem(client.post("/api/v1/entries", json=SHIFT), 403, "read-only")
        problem(client.post("/api/v1/imports", content=b"", headers={"content-type": "text/csv"}), 403, "read-only")


def test_who_was_hurt_is_told_only_to_those_who_may_know(book):
    index = added(book, "incident", site="north", on="2025-09-01", severity="a broken hand", days_lost=9, worker="bo")
    for who, told in ((somebody("visitor"), False), (somebody("worker", worker="ada"), False), (somebody("worker", worker="bo"), True),
                      (somebody("auditor"), True)):  # fmt: skip
        with board(book, who) as client:
            assert ("broken" in client.get(f"/api/v1/entries?from={index}").text) == told, who
            assert ("broken" in events._events(client.live, who, index, index + 1, None).decode()) == told
            for path in (f"entries/{index}", f"entries/{index}/receipt"):
                answer = client.get(f"/api/v1/{path}")
                assert answer.status_code == (200 if told else 403), (who, path)


def test_where_visitors_see_nothing_the_api_shows_nothing(book):
    with board(book, visitors="nothing") as client:
        for path in ("ledger", "tables/records", "entries", "events", "log/checkpoint", "log/tile/0/000.p/1"):
            problem(client.get(f"/api/v1/{path}"), 401)
    assert May.READ_ALL not in rights.RIGHTS.values()


# ---- what is refused


JSON = {"content-type": "application/json"}
DEEP = b"[" * 100_000
BODIES = [
    (b"", 400), (b"\xff\xfe", 400), (b"nonsense", 400), (b"null", 400), (b"[]", 400), (b"[null]", 400), (b"7", 400), (b'"shift"', 400),
    (b'{"kind":null}', 400), (b'{"kind":7}', 400), (b'{"kind":"coffee"}', 400), (b'{"kind":"shift","id":"a","id":"b"}', 400),
    (b'{"kind":"shift","quantity":NaN}', 400), (b'{"kind":"shift","quantity":1e999999999}', 422), (b'{"kind":"shift","id":"\\ud800"}', 400),
    (DEEP, 400), (b'{"kind":"shift","helpers":' + b"[" * 20 + b"]" * 20 + b"}", 400), (b'{"kind":"shift","id":null}', 422),
    (b'{"kind":"shift","x=y":"1"}', 422), (b'{"kind":"shift","recorded":"2025-01-01T00:00:00Z"}', 422),
    (b'{"kind":"shift","id":{"a":1}}', 422), (b'{"kind":"key","verifier":"x","signature":"y"}', 403),
    (b'{"kind":"source","id":"../../etc/passwd","title":"x","publisher":"y","published":"1935"}', 201),
    (b'{"kind":"source","id":"\'; DROP TABLE bundles; --","title":"<script>","publisher":"y","published":"1935"}', 201),
    (b'{"kind":"source","id":"nul\\u0000","title":"x","publisher":"y","published":"1935"}', 422),
    (b'{"kind":"source","id":"' + b"a" * 300 + b'","title":"x","publisher":"y","published":"1935"}', 422),
    (b'{"kind":"source","id":"long","title":"' + b"a" * 70_000 + b'","publisher":"y","published":"1935"}', 422),
    (b" " * (5 << 20), 413), (b"\xef\xbb\xbf{}", 400),
]  # fmt: skip


@pytest.fixture
def manager(book):
    with board(book, "manager") as client:
        yield client


def test_bodies_that_are_none_are_refused_in_the_one_shape(manager, book):
    size = book.size
    for body, status in BODIES:
        answer = manager.post("/api/v1/entries", content=body, headers=JSON)
        if status == 201:
            size += 1
            assert answer.status_code == 201, answer.text
        else:
            problem(answer, status)
        assert book.size == size, body[:80]
    for kind in ("text/plain", "application/x-www-form-urlencoded", "", "multipart/form-data; boundary=x"):
        problem(manager.post("/api/v1/entries", content=b"{}", headers={"content-type": kind}), 415)
    problem(manager.post("/api/v1/entries", content=b"{}", headers={**JSON, "content-encoding": "gzip"}), 415)


PATHS = [
    ("tables/nothing", 404), ("tables/record", 404), ("nothing", 404), ("tables/records/../../x", 404), ("entries/0/x", 404),
    ("tables/records?job=x&nothing=1", 400), ("tables/records?limit=0", 400), ("tables/records?limit=10001", 400),
    ("tables/records?limit=1&limit=2", 400), ("tables/records?format=xml", 400), ("tables/records?order=nothing", 400),
    ("tables/standings?period=fortnight", 400), ("tables/records?at=x", 400), ("tables/records?zone=Mars/Olympus&at=1990", 404),
    ("tables/records?at=1990-01-01&zone=Mars/Olympus", 404), ("tables/records?where.x=1", 400), ("tables/records?shift=%00", 400),
    ("tables/records?entry=1%20OR%201=1", 400), ("entries?kind=coffee", 400), ("entries?limit=1001", 400), ("entries?from=-1", 400),
    ("tables/attainment?id=" + "a" * 201, 400), ("tables/attainment?id=" + "&id=".join("ab" for _ in range(101)), 400),
    ("events?from=x", 400), ("batches/x", 404), ("batches/" + "9" * 5000 + "-" + "a" * 64, 404), ("ledger?at=", 400),
]  # fmt: skip


@pytest.mark.parametrize(("path", "status"), PATHS, ids=lambda part: str(part)[:40])
def test_questions_that_are_none_are_refused_in_the_one_shape(manager, path, status):
    problem(manager.get(f"/api/v1/{path}"), status)


def test_words_that_would_break_out_of_a_query_find_nothing(manager):
    for word in ("' OR '1'='1", '"; DROP TABLE shift; --', "%' --", "\\", "${7*7}", "{{7*7}}", "‮", "🦕", "none' "):
        answer = manager.get("/api/v1/tables/attainment", params={"worker": word}, headers=ROWS)
        assert answer.status_code == 200 and answer.json() == [], word
        assert manager.get("/api/v1/entries", params={"about": word}).json() == []
        problem(manager.get("/api/v1/explain/attainment", params={"word": word}), 404)
        problem(manager.get("/api/v1/tables/records", params={"order": word}), 400)


def test_other_methods_and_formats_are_refused_in_the_one_shape(manager):
    problem(manager.put("/api/v1/entries", json={}), 405)
    problem(manager.delete("/api/v1/entries/0"), 405)
    problem(manager.get("/api/v1/tables/records", headers={"accept": "application/pdf"}), 406)


def test_a_fault_says_nothing_of_the_inside(manager, monkeypatch):
    def fail(*given, **besides):
        raise ValueError("secret")

    monkeypatch.setattr(entering, "enter", fail)
    assert "secret" not in problem(manager.post("/api/v1/entries", json=SHIFT), 500)["detail"]
    monkeypatch.setattr(asking, "answer", fail)
    assert "secret" not in problem(manager.get("/api/v1/tables/records"), 500)["detail"]


def test_refused_rows_of_a_file_are_told(manager, book):
    size = book.size
    file = b"id,worker,job,site,started,quantity\n1,ada,hew,north,2025-09-01 06:00,lots\n2,ada,hew,north,2025-09-02 06:00,7\n"
    sent = {"content": file, "headers": {"content-type": "text/csv"}}
    found = problem(manager.post("/api/v1/imports?name=september.csv", **sent), 422, "september.csv")
    assert found["report"]["refused_rows"] == 1 and found["report"]["refused"][0]["line"] == 2 and book.size == size
    answer = manager.post("/api/v1/imports?accept_valid=yes", **sent)
    assert answer.json()["added"] == 1 and answer.json()["refused_rows"] == 1
    problem(manager.post("/api/v1/imports", content=file, headers={"content-type": "text/plain"}), 415)
    wrong = manager.post(
        "/api/v1/imports", content=b"not parquet", headers={"content-type": "application/vnd.apache.parquet"}
    )
    assert problem(wrong, 400)["detail"].count("/tmp") == 0


def test_a_file_that_is_too_long_is_refused(book):
    with board(book, "manager", most_upload_bytes=100) as client:
        sent = client.post("/api/v1/imports", content=b"a" * 101, headers={"content-type": "text/csv"})
        problem(sent, 413, "longer than 100 bytes")


# ---- events


def test_entries_as_events(book):
    with board(book) as client:
        told = events._events(client.live, somebody("visitor"), 6, book.size, "shift").decode()
        assert [line for line in told.splitlines() if line.startswith("id: ")] == [
            f"id: {index}" for index in (6, 7, 8, 9)
        ]
        assert json.loads(told.split("data: ")[1].splitlines()[0])["id"] == "a"
        assert events._events(client.live, somebody("visitor"), 0, 3, "shift") == b": \n\n"


# ---- the description


def test_the_description_tells_every_route_and_every_parameter(book):
    with board(book) as client:
        made = client.get("/api/v1/openapi.json").json()
        routes = {route.path for route in client.app.routes if route.path.startswith("/api/v1/")}
        told = {path.replace("{path}", "{path:path}") for path in made["paths"]}
        assert {path for path in routes if "tables/{name" not in path and "openapi" not in path} <= {
            *(
                one.replace("{index}", "{index:str}")
                .replace("{batch}", "{batch:str}")
                .replace("{level}", "{level:str}")
                for one in told
            )
        }
        for path, methods in made["paths"].items():
            for method, one in methods.items():
                assert one["summary"] and len(one["description"]) > 20 and {"500", "401"} <= set(one["responses"]), (
                    path,
                    method,
                )
                for given in one.get("parameters", []):
                    assert given["description"] and ("items" in given["schema"] or "type" in given["schema"]), given
        page = client.get("/api", headers={"accept": "text/html"}).text
        assert '<script src="/static/' in page and "http://" not in page.replace("http://testserver", "").replace(
            "http://www.w3.org", ""
        )
        assert all(path in page for path in made["paths"])
        assert isinstance(HTTPException(), Exception)
