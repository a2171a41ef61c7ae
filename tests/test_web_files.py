"""A file by upload: rehearsed first with every refused row, then entered; once, for the own site, and by whom it was uploaded."""

import json
import re
import time
from html import unescape

import pytest

from checkweigh import importing
from checkweigh.importing import Settings
from checkweigh.web.forms import on_a_form
from conftest import EDGE
from web import board, somebody

ANNA = somebody("supervisor", "anna", site="north")
GOOD = "worker,job,site,started,quantity\nada,hew,north,2025-12-01T06:00,7\nbo,hew,north,2025-12-01T06:00,8\n"
BAD = GOOD + "zed,hew,north,2025-12-01T06:00,9\nada,hew,north,2025-12-02T06:00,much\n"


@pytest.fixture
def mine(ledger):
    with ledger.append(EDGE) as batch:
        batch.add("site", {"id": "south", "name": "South pit", "industry": "coal", "timezone": "Europe/Berlin"})
    return ledger


def through(client, address):
    """The page of an upload, when it has been read."""
    for _ in range(2400):
        page = client.get(address)
        if "refresh" not in page.headers:
            return page
        time.sleep(0.05)
    raise AssertionError("it was never read")


def upload(client, text, name="shifts.csv", **form):
    answer = client.post(
        "/enter/file", data={"kind": "shift", **form}, files={"file": (name, text.encode())}, follow_redirects=False
    )
    assert answer.status_code == 303, answer.text
    return answer.headers["location"], through(client, answer.headers["location"])


def test_a_file_is_read_first_and_entered_then(mine):
    size = mine.size
    with board(mine, ANNA) as client:
        address, page = upload(client, GOOD)
        assert "All is well. Nothing is written yet." in page.text and "Enter 2 rows" in page.text and mine.size == size
        client.post(address, data={"step": "enter"}, follow_redirects=False)
        page = through(client, address)
        assert "2 of 2 rows are in the ledger now" in page.text
        assert client.live.now().size == size + 2
        _, again = upload(client, GOOD)
        assert "The ledger holds all 2 rows already" in again.text and 'value="enter"' not in again.text
    assert json.loads(mine.entry(size))["by"] == "account:anna"


def test_every_refused_row_is_told_and_the_good_ones_may_go_in(mine):
    size = mine.size
    with board(mine, ANNA) as client:
        address, page = upload(client, BAD)
        assert "2 of 4 rows would be refused" in page.text and "Enter the 2 good rows only" in page.text
        said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))
        assert "4 worker zed is not a worker in the ledger" in said and "5 quantity much" in said
        listed = client.get(f"{address}/refused.csv").text.splitlines()
        assert listed[0] == "line,field,value,reason" and len(listed) == 3
        assert mine.size == size
        client.post(address, data={"step": "enter", "accept_valid": "on"}, follow_redirects=False)
        assert "2 of 4 rows are in the ledger now" in through(client, address).text
    assert mine.size == size + 2


def test_rows_of_another_site_are_refused(mine):
    size = mine.size
    other = "worker,job,site,started,quantity\nada,hew,south,2025-12-01T06:00,7\n"
    without = "worker,job,started,quantity\nada,hew,2025-12-01T06:00,7\n"
    with board(mine, ANNA) as client:
        assert "is not your site; you enter for north only" in upload(client, other)[1].text
        assert "All is well." in upload(client, without)[1].text, (
            "the own site stands for the site that the file does not name"
        )
        count = "id,job,site,from,until,quantity,instrument\nc,hew,south,2025-12-01T06:00,2025-12-01T07:00,7,scale\n"
        assert "is not your site" in upload(client, count, kind="count")[1].text
    with board(mine, "manager") as client:
        assert "All is well." in upload(client, other)[1].text
    assert mine.size == size


def test_columns_dates_and_constants_are_told_by_form_or_toml(mine):
    text = "Man;Menge;Tag\nada;7,5;01.12.2025\n".replace(";", ",").replace("7,5", "7.5")
    with board(mine, ANNA) as client:
        form = {"map": "worker=Man\nquantity=Menge\nstarted=Tag", "set": "job=hew", "dates": "%d.%m.%Y"}
        assert "All is well." in upload(client, text, **form)[1].text
        toml = '[map]\nworker = "Man"\nquantity = "Menge"\nstarted = "Tag"\n[set]\njob = "hew"\n'
        assert "All is well." in upload(client, text, toml=toml, dates="dmy")[1].text


@pytest.mark.parametrize(
    ("form", "said"),
    [({"kind": "quota"}, "is entered by a manager"), ({"map": "worker"}, "field=column"), ({"toml": "create = true"}, "for managers"),
     ({"toml": "kind = ["}, "the settings is not TOML")],
)  # fmt: skip
def test_what_may_not_be_asked_for_is_refused(mine, form, said):
    with board(mine, ANNA) as client:
        answer = client.post("/enter/file", data=form, files={"file": ("x.csv", b"a\n1\n")})
        assert answer.status_code == 422 and said in answer.text
        assert client.post("/enter/file", data={"kind": "shift"}).status_code in (400, 422)


def fields(page):
    """What stands in the form of a page: boxes, texts and choices."""
    texts = re.findall(r'<textarea id="(\w+)"[^>]*>([^<]*)</textarea>', page)
    boxes = re.findall(r'<input id="(\w+)" name="\w+" value="([^"]*)"', page)
    chosen = re.search(r'<select id="kind".*?<option selected>(\w+)', page)
    return {name: unescape(value) for name, value in texts + boxes} | {"kind": chosen and chosen[1]}


WRITTEN = {"map": "worker=Man\nquantity=Menge", "set": "job=hew", "dates": "%d.%m.%Y", "sheet": "Mai", "kind": "count"}


def test_what_was_written_stays_when_the_file_is_refused_and_the_file_is_asked_for_again(mine):
    with board(mine, ANNA) as client:
        assert "a browser does not keep it" not in client.get("/enter/file").text
        wrong = WRITTEN | {"map": "worker"}
        refused = client.post("/enter/file", data=wrong, files={"file": ("x.csv", b"a\n1\n")})
        assert refused.status_code == 422 and "a browser does not keep it" in refused.text
        assert fields(refused.text).items() >= wrong.items()
        for text, name in (("not a workbook", "counts.xlsx"), ("Man,Menge\nada,7\n", "counts.csv")):
            _, report = upload(client, text, name, **WRITTEN)
            [again] = set(re.findall(r'href="(/enter/file\?again=\w+)"', report.text))
            page = client.get(again).text
            assert "a browser does not keep it" in page and fields(page).items() >= WRITTEN.items()


def test_a_file_that_cannot_be_read_is_told_by_its_own_name(mine):
    with board(mine, ANNA) as client:
        page = upload(client, "not a workbook", name="shifts.xlsx")[1]
        assert (
            "shifts.xlsx" in page.text and "checkweigh-uploads" not in page.text and "Nothing was written." in page.text
        )


def test_nobody_else_sees_or_enters_an_upload_and_a_long_one_is_refused(mine):
    with board(mine, ANNA, most_upload_bytes=2000) as client:
        address, _ = upload(client, GOOD)
        token = address.rpartition("/")[2]
        client.app.state.uploads.kept[token].by = "account:boris"
        assert client.get(address).status_code == client.post(address, data={"step": "enter"}).status_code == 404
        long = client.post("/enter/file", data={"kind": "shift"}, files={"file": ("x.csv", GOOD.encode() * 100)})
        assert long.status_code == 413


def test_a_rehearsal_tells_what_the_import_will_do_and_writes_nothing(mine, tmp_path):
    file = tmp_path / "shifts.csv"
    file.write_text(BAD)
    size = mine.size
    told = importing.rehearse(mine, file, edge=EDGE)
    assert mine.size == size and (told.added, told.refused_rows) == (2, 2)
    done = importing.read(mine, file, edge=EDGE, settings=Settings(accept_valid=True))
    assert (done.added, list(done.refusals())) == (2, list(told.refusals()))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("correct it, add it first, or pass --create", "correct it, add it first, or let it create what is missing"),
        (
            "where the clocks changed; pass --fold earlier or --fold later, or write",
            "“Where the clocks changed”, or write",
        ),
        (
            "pass --dates mdy if the month comes first, --dates dmy if the day does",
            "write mdy under “How dates are written” if",
        ),
        ("nothing states hours: pass --map field=column or --set field=value", "say which column it is"),
        ("--map hours=h: no such column", "hours=h under “Which column is which field”: no such column"),
    ],
)
def test_messages_name_the_fields_of_the_form_and_no_options(said, told):
    assert told in on_a_form(said) and "--" not in on_a_form(said)
