"""What a row means: units, periods, helpers, quotas, what is created for it; the same as at the command line, of every kind."""

import csv
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checkweigh import codec, fields, importing
from checkweigh.errors import Refused
from checkweigh.importing import Settings
from checkweigh.verify import verify
from conftest import EDGE, founded
from files import entries, refusals, shifts

# Creating, quotas, units, periods, helpers.

FOUNDING = {"industry": "coal", "timezone": "Europe/Moscow", "unit": "tonne"}


def test_what_is_missing_can_be_created(tmp_path, ledger, take):
    text = (
        "crew,job,site,started,quantity,headcount,helpers\n"
        "red,dig,south,2024-05-02 01:00,7,30.5,\n"
        "red,dig,south,2024-05-01 01:00,7,29,eve::2\n"
    )
    report = take(text, create=True, constants=FOUNDING)
    assert report.created == {"site": 1, "job": 1, "crew": 1, "worker": 1}
    crew, worker = entries(ledger, "crew")[0], entries(ledger, "worker")[-1]
    assert (crew["from"], crew["headcount"], crew["name"]) == ("2024-05-01", "30.5", "red")
    assert (worker["id"], worker["site"], worker["from"]) == ("eve", "south", "2024-05-01")
    assert take(text, create=True, constants=FOUNDING).nothing_new


def test_what_cannot_be_created_says_what_is_wanting(take):
    text = "crew,job,site,started,quantity\nred,dig,south,2024-05-02 01:00,7\n"
    with pytest.raises(
        Refused, match=r"site south cannot be created without industry, timezone: pass --set industry=\.\.\."
    ):
        take(text, create=True)
    with pytest.raises(Refused, match="crew red cannot be created without headcount: pass --set crew_headcount"):
        take(text, create=True, constants=FOUNDING)
    with pytest.raises(Refused, match="site south cannot be created"):
        take(text, create=True, constants=FOUNDING | {"timezone": "Moscow"})


def test_an_inline_quota_makes_one_entry_for_the_same_demand(ledger, take):
    text = (
        "worker,job,site,started,quantity,quota\n"
        "ada,hew,north,2025-08-31 01:00,7,7\n"
        "ada,hew,north,2025-08-31 12:00,7,7.0\n"
        "bo,hew,north,2025-09-02 02:00,9,8\n"
        "bo,hew,north,2025-09-03 02:00,9,\n"
    )
    report = take(text)
    assert report.created == {"quota": 2}
    first, second = entries(ledger, "quota")
    assert (first["worker"], first["from"], first["until"], first["per"], first["quantity"]) == (
        "ada", "2025-08-31", "2025-09-01", "worker", "7",
    )  # fmt: skip
    assert [one.get("quota") for one in shifts(ledger)] == [first["id"], first["id"], second["id"], None]
    assert take(text).nothing_new and len(entries(ledger, "quota")) == 2


def test_a_quota_of_nothing_is_refused_by_its_own_field(take):
    text = "worker,job,site,started,quantity,quota\nada,hew,north,2025-08-31 01:00,7,0\n"
    assert refusals(take, text) == [(2, "quota", "0")]


def test_no_quota_is_left_behind_by_a_shift_that_only_the_ledger_refuses(ledger, take):
    text = (
        "id,worker,job,site,started,quantity,quota,evidence,note\n"
        "s1,ada,hew,north,2024-08-31 01:00,7,5,,\n"
        "s2,ada,hew,north,2027-08-31 01:00,7,6,,\n"
        f"s3,ada,hew,north,2025-08-31 01:00,7,7,{'€' * 15_000},{'€' * 15_000}\n"
        "s4,ada,hew,north,2025-08-31 01:00,7,8,,\n"
        "s5,ada,hew,north,2025-08-31 09:00,7,8,,\n"
    )
    report = take(text, accept_valid=True)
    assert [row[:2] for row in report.refusals()] == [(2, "worker"), (3, "started"), (4, "note")]
    assert [one["quantity"] for one in entries(ledger, "quota")] == ["8"] and report.created == {"quota": 1}
    assert take(text, accept_valid=True).skipped == 2
    with ledger.append(EDGE) as batch:
        batch.add("verdict", {"shift": "s4", "ruling": "verified", "reason": "scale"})
    changed = text.replace(",7,8,", ",7,9,")
    report = take(changed, accept_valid=True, correct="misread")
    assert (report.corrected, report.created) == (1, {"quota": 1})
    verify(ledger.address)


def test_a_quota_that_the_ledger_holds_is_named_by_its_id(ledger, take):
    with ledger.append(EDGE) as batch:
        batch.add("quota", {"id": "q", "job": "hew", "quantity": "7", "per": "worker", "from": "2025-01-01"})
    take("worker,job,site,started,quantity,quota_id\nada,hew,north,2025-08-31 01:00,7,q\n")
    assert shifts(ledger)[0]["quota"] == "q"


def test_quantities_are_converted_exactly(ledger, take):
    text = (
        "id,worker,job,site,started,quantity,unit\n"
        "s1,ada,hew,north,2025-08-31,102000.001,kg\n"
        "s2,ada,hew,north,2025-08-30,7,\n"
        "s3,ada,hew,north,2025-08-29,8 t,kg\n"
    )
    take(text)
    assert [one["quantity"] for one in shifts(ledger)] == ["102.000001", "7", "8"]
    assert refusals(take, text.replace("kg", "metre").replace("s1", "s4")) == [(2, "quantity", "102000.001")]


def test_periods_are_of_the_site(ledger, take):
    text = (
        "id,worker,job,site,period,quantity\n"
        "s1,ada,hew,north,2025,7\n"
        "s2,ada,hew,north,2025-02,7\n"
        "s3,ada,hew,north,2025-W10,7\n"
        "s4,ada,hew,north,2025-03-01,7\n"
    )
    take(text)
    assert [(one["started"], one["ended"]) for one in shifts(ledger)] == [
        ("2024-12-31T21:00:00Z", "2025-12-31T21:00:00Z"), ("2025-01-31T21:00:00Z", "2025-02-28T21:00:00Z"),
        ("2025-03-02T21:00:00Z", "2025-03-09T21:00:00Z"), ("2025-02-28T21:00:00Z", "2025-03-01T21:00:00Z"),
    ]  # fmt: skip
    assert refusals(take, text.replace("2025-W10", "2025-W60")) == [(4, "period", "2025-W60")]


def test_helpers(ledger, take):
    text = (
        "worker,job,site,started,quantity,helpers\n"
        "ada,hew,north,2025-08-31 01:00,7,bo:timberer:5.75\n"
        "ada,hew,north,2025-09-01,7,none\n"
        "ada,hew,north,2025-09-02,7,\n"
    )
    take(text)
    first, second, third = shifts(ledger)
    assert first["helpers"] == [{"worker": "bo", "role": "timberer", "hours": "5.75"}]
    assert second["helpers"] == [] and "helpers" not in third
    assert take(text).nothing_new
    assert refusals(take, text.replace(":5.75", "")) == [(2, "helpers", "bo:timberer")]
    assert refusals(take, text.replace("bo:", "eve:").replace("01:00", "02:00")) == [(2, "helpers", "eve")]


# A file means what its rows would mean at the command line.

CELLS = {
    "worker": ["ada", "bo", " ada ", "eve", ""],
    "job": ["hew", "dig"],
    "site": ["north", "south"],
    "started": [
        "2025-08-31", "2025-09-01 06:00", "2025-09-01T06:00:00.250Z", "2025-09-01T06:00+05:30", "2025-02-30", "2025-01-01",
        "soon", "2031-01-01", "2025-08", "2025", "",
    ],
    "precision": ["month", "year", "day", ""],
    "quantity": [
        "102", "102.50", "1,234.5", "102 t", "102000kg", "3 m", "-1", "x", "1e3", ".5", "5.", "+5", "0", "0.1234567891",
        "999999999.999999999", "1000000000", "",
    ],
    "hours": ["5.75", "5:45", "5 h 45 min", "5:20", "24", "24.5", "0", "x", ""],
    "headcount": ["1", "2", "1.0", ""],
    "labour_hours": ["6", "5", "100", ""],
    "helpers": ["none", "bo:timberer:5.75", "bo::5:45", "ada::1", "eve::1", "bo:1", "cy::0", ""],
    "claimed_attainment": ["14.57", "1457%", "x", ""],
    "evidence": ["seen", "e\u0301", "two\nlines", 'with "quotes", commas', "bad\x01", ""],
}  # fmt: skip
GOOD = {"worker": "ada", "job": "hew", "site": "north", "started": "2025-08-31", "quantity": "102"}


def rows_of_cells():
    change = st.sampled_from(sorted(CELLS)).flatmap(lambda name: st.tuples(st.just(name), st.sampled_from(CELLS[name])))
    return st.lists(st.lists(change, max_size=3).map(lambda some: {**GOOD, **dict(some)}), min_size=1, max_size=6)


def one_by_one(ledger, row):
    """What `checkweigh add` would make of a row, None where it refuses it."""

    def lookup(kind, name):
        found = ledger.find(kind, name)
        return codec.decode(ledger.entry(found[-1])) if found else None

    try:
        given = fields.read("shift", ["id=x", *(f"{name}={text}" for name, text in row.items() if text)], lookup)
        with ledger.append(EDGE) as batch:
            index = batch.add("shift", given)
            entry = json.loads(batch.growth.entry(index))
            raise Undone
    except Undone:
        return {name: value for name, value in entry.items() if name not in ("id", "salt")}
    except Refused:
        return None


class Undone(Exception):
    """Takes a batch back."""


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows_of_cells())
def test_a_file_means_what_its_rows_mean_one_by_one(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("same")
    with founded(path / "ledger") as ledger:
        expected = [one_by_one(ledger, row) for row in rows]
        names = sorted({name for row in rows for name in row})
        with (path / "file.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerows([names, *([row.get(name, "") for name in names] for row in rows)])
        report = importing.read(ledger, path / "file.csv", edge=EDGE, settings=Settings(accept_valid=True))
        found = [{name: value for name, value in one.items() if name not in ("id", "salt")} for one in shifts(ledger)]
        assert found == [one for one in expected if one is not None]
        assert report.refused_rows == sum(one is None for one in expected)


# Other kinds.


def test_other_kinds_go_in_and_again_add_nothing(ledger, take):
    workers = "id,site,from\ncy,north,1/13/2025\ndan,north,1/14/2025\n"
    assert take(workers, kind="worker").added == 2
    assert take(workers, kind="worker").nothing_new
    counts = "id,site,job,from,until,quantity,instrument,unit\nc1,north,hew,2025-08-31 00:00,2025-09-01 00:00,99000,scale,kg\n"
    assert take(counts, kind="count").added == 1
    entry = entries(ledger, "count")[0]
    assert (entry["quantity"], entry["from"]) == ("99", "2025-08-30T21:00:00Z")
    crews = "id;name;from;members\nred;Red;2025-01-13;ada,bo\n"
    assert take(crews, kind="crew").added == 1 and entries(ledger, "crew")[0]["members"] == ["ada", "bo"]
    rules = "id,gives,from,measure,at_least\nhero,a title,2025-01-01,attainment,200%\n"
    assert take(rules, kind="rule").added == 1 and entries(ledger, "rule")[0]["conditions"]["at_least"] == "2"


def test_a_changed_row_of_another_kind_is_refused_or_corrected(ledger, take):
    text = "id,site,from,name\ncy,north,2025-01-13,Cy\n"
    take(text, kind="worker")
    assert refusals(take, text.replace("Cy\n", "Cyrus\n"), kind="worker") == [(2, "id", "cy")]
    assert take(text.replace("Cy\n", "Cyrus\n"), kind="worker", correct="full name").corrected == 1
    assert refusals(take, text.replace("north", "south"), kind="worker", correct="x") == [(2, "", None)]


def test_kinds_without_an_id_are_known_by_what_they_say(ledger, take):
    text = "site,on,severity,days_lost\nnorth,2025-08-31,bruise,1\nnorth,2025-08-31,bruise,1\n"
    assert take(text, kind="incident").added == 2
    assert take(text, kind="incident").skipped == 2
    report = take(text + "north,2025-09-01,cut,0\n", kind="incident")
    assert (report.added, report.skipped) == (1, 2)
    assert refusals(take, text.replace("bruise,1", "bruise,some"), kind="incident") == [
        (2, "days_lost", "some"),
        (3, "days_lost", "some"),
    ]
