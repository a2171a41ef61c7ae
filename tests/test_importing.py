"""Imports: what goes in, what is refused and why, and that the same file again adds nothing."""

import datetime
import re
from collections import Counter
from hashlib import sha256

import numpy as np
import pyarrow as pa
import pytest

from checkweigh.importing import RowsRefused, naming
from checkweigh.importing.sheets import FIRST_ROWS
from conftest import EDGE
from files import HEADER, refusals, shifts

# What goes in.


def test_a_file_goes_in_and_again_adds_nothing(ledger, take):
    text = HEADER + "s1,ada,hew,north,2025-08-31 05:45,5.75,102\ns2,bo,hew,north,2025-09-01T06:00:00+03:00,6,115\n"
    report = take(text)
    assert (report.rows, report.added, report.skipped) == (2, 2, 0)
    first, second = shifts(ledger)
    assert (first["started"], first["quantity"], first["hours"]) == ("2025-08-31T02:45:00Z", "102", "5.75")
    assert second["started"] == "2025-09-01T03:00:00Z"
    size = ledger.size
    again = take(text)
    assert (again.added, again.skipped, again.nothing_new, again.size_after) == (0, 2, True, size)
    assert ledger.size == size


def test_headers_are_found_whatever_their_case_and_others_are_named(ledger, take):
    report = take("ID , Worker,JOB,Site,Started,Quantity,Weather\ns1,ada,hew,north,2025-08-31,7,rain\n")
    assert report.ignored == ("Weather",)
    assert shifts(ledger)[0]["started"] == "2025-08-30T21:00:00Z"


def test_columns_can_be_mapped_and_fields_set_or_left_out(ledger, take):
    text = "who,what,when,done,note\nada,hew,2025-08-31,7,dull\nada,,2025-09-01,8,x\n"
    take(text, mapping={"worker": "who", "job": "what", "started": "when", "quantity": "Done", "note": ""},
         constants={"site": "north", "job": "hew"})  # fmt: skip
    first, second = shifts(ledger)
    assert "note" not in first and second["job"] == "hew" and second["quantity"] == "8"


def test_ids_are_made_from_what_happened_and_repeated_rows_are_counted(ledger, take):
    text = "worker,job,site,started,quantity\n" + "ada,hew,north,2025-08-31 06:00,7\n" * 2
    report = take(text)
    assert report.added == 2 and take(text).skipped == 2
    expected = []
    for n in "12":
        key = "\t".join(["worker", "ada", "hew", "north", "2025-08-31T03:00:00Z", n])
        expected.append(base_32(int(sha256(key.encode()).hexdigest()[:15], 16)))
    assert [shift["id"] for shift in shifts(ledger)] == expected


def base_32(number):
    letters = "0123456789abcdefghijklmnopqrstuv"
    return "".join(letters[number >> 5 * place & 31] for place in reversed(range(12)))


def test_the_example_of_the_docstring_is_named_so():
    key = re.search(r"^    (worker\t.*1)$", naming.__doc__, re.M)[1]
    name = re.search(r"named\s+`(.*?)`", naming.__doc__)[1]
    assert base_32(int(sha256(key.encode()).hexdigest()[:15], 16)) == name


def test_repetitions_are_counted_across_chunks():
    namer = naming.Namer()
    rows = [["a", "b", "a"], ["c", "a", "a"], ["b"]]
    seen = []
    for workers in rows:
        nothing = pa.nulls(len(workers), pa.string())
        started = pa.array([datetime.datetime(2025, 1, 1, microsecond=250_000)] * len(workers), pa.timestamp("us"))
        job = pa.array(["j"] * len(workers))
        table = pa.table({"worker": workers, "crew": nothing, "job": job, "site": job, "started": started})
        seen += namer.shifts(table).to_pylist()
    expected = []
    for worker, n in [("a", 1), ("b", 1), ("a", 2), ("c", 1), ("a", 3), ("a", 4), ("b", 2)]:
        key = "\t".join(["worker", worker, "j", "j", "2025-01-01T00:00:00.25Z", str(n)])
        expected.append(base_32(int(sha256(key.encode()).hexdigest()[:15], 16)))
    assert seen == expected


def test_what_has_come_up_before_is_counted_exactly():
    chance, seen, before = np.random.default_rng(7), naming._Seen(), Counter()
    for size in (5, 0, 9, 300, 2, 300, 1000, 4):
        numbers = chance.integers(0, 400, size)
        expected = []
        for number in numbers.tolist():
            before[number] += 1
            expected.append(before[number])
        assert seen.counted(numbers).tolist() == expected


def test_other_content_under_the_same_id_is_refused_or_corrected(ledger, take):
    take(HEADER + "s1,ada,hew,north,2025-08-31 06:00,6,102\ns2,ada,hew,north,2025-09-01 06:00,6,9\n")
    changed = HEADER + "s1,ada,hew,north,2025-08-31 06:00,6,103\ns2,ada,hew,north,2025-09-01 06:00,6,9\n"
    size = ledger.size
    with pytest.raises(RowsRefused, match=r"line 2: id 's1': is entry 4 with other content \(quantity: 102, now 103\)"):
        take(changed)
    assert ledger.size == size
    report = take(changed, correct="misread the scale")
    assert (report.added, report.corrected, report.skipped) == (0, 1, 1)
    entry = shifts(ledger)[-1]
    assert (entry["quantity"], entry["replaces"], entry["note"]) == ("103", 4, "misread the scale")
    assert take(changed).nothing_new


def test_a_shift_under_a_verdict_is_not_corrected(ledger, take):
    take(HEADER + "s1,ada,hew,north,2025-08-31 06:00,6,102\n")
    with ledger.append(EDGE) as batch:
        batch.add("verdict", {"shift": "s1", "ruling": "verified", "reason": "scale"})
    with pytest.raises(RowsRefused, match="under verdict"):
        take(HEADER + "s1,ada,hew,north,2025-08-31 06:00,6,103\n", correct="misread")


def test_an_id_twice_in_a_file_is_the_same_row_or_refused(ledger, take):
    same = "s1,ada,hew,north,2025-08-31 06:00,6,102\n"
    assert refusals(take, HEADER + same + same + same.replace("102", "9"), correct="typo") == [(4, "id", "s1")]
    report = take(HEADER + same + same)
    assert (report.added, report.skipped) == (1, 1)


def test_an_id_that_comes_again_in_a_later_chunk_is_the_same_row_or_refused(take):
    rows = [f"s{n},ada,hew,north,2025-08-31 06:00,6,102\n" for n in range(FIRST_ROWS + 2)]
    assert take(HEADER + "".join(rows) + rows[0]).skipped == 1
    changed = [row.replace(",102\n", ",103\n") for row in rows]
    again = HEADER + "".join(changed) + rows[0]
    assert refusals(take, again, correct="typo") == [(FIRST_ROWS + 4, "id", "s0")]
    assert take(HEADER + "".join(changed), correct="typo").corrected == len(rows)


# Refused rows: each is named, and nothing is written.


@pytest.mark.parametrize(
    ("row", "field", "value"),
    [
        ("s1,ada,dig,north,2025-08-31,6,7", "job", "dig"),
        ("s1,eve,hew,north,2025-08-31,6,7", "worker", "eve"),
        ("s1,ada,hew,south,2025-08-31,6,7", "site", "south"),
        ("s1,ada,hew,north,2025-08-31,6,-7", "quantity", "-7"),
        ("s1,ada,hew,north,2025-08-31,26,7", "hours", "26"),
        ("s1,ada,hew,north,2026-08-31,6,7", "started", "2026-08-30T21:00:00"),
        ("s1,ada,hew,north,2024-08-31,6,7", "worker", "ada"),
        ("s1,ada,hew,north,2025-08-31,6,7 metres", "quantity", "7 metres"),
        ("s1,ada,hew,north,2025-08-31,6,seven", "quantity", "seven"),
        ("s1,ada,hew,north,2025-08-31,6,", "quantity", None),
        ("s1,ada,hew,north,2025-02-30,6,7", "started", "2025-02-30"),
        ("s1,ada,hew,north,yesterday,6,7", "started", "yesterday"),
        ("s1,ada,hew,north,2025-08-31,0,7", "hours", "0"),
        ("s1,,hew,north,2025-08-31,6,7", "worker", None),
        ("s1,ada,hew,north,2025-08-31,6,1234567890", "quantity", "1234567890"),
        ("s1,ada,hew,north,2025-08-31,6,0.1234567891", "quantity", "0.1234567891"),
        ("s1,ada,hew,north,2025-08", "", None),
        ("s1,ada,hew,north,2025-08-31,6,7,8", "", None),
        ("s\x01,ada,hew,north,2025-08-31,6,7", "id", "s\x01"),
    ],
)
def test_a_refused_row_is_named_and_nothing_is_written(ledger, take, row, field, value):
    size, root = ledger.size, ledger.root()
    good = "s0,ada,hew,north,2025-08-30,6,7\n"
    assert refusals(take, HEADER + good + row + "\n" + good.replace("s0", "s9")) == [(3, field, value)]
    assert (ledger.size, ledger.root()) == (size, root)
    report = take(HEADER + good + row + "\n", accept_valid=True)
    assert (report.rows, report.added, report.refused_rows) == (2, 1, 1)


def test_lines_are_those_of_the_file(take):
    text = (
        "id,worker,job,site,started,quantity,evidence\n"
        's1,ada,hew,north,2025-08-31,7,"a long\n\nstory"\n'
        "\n"
        "s2,ada,hew,north,2025-08-31,x,\n"
        "s3,ada,hew\n"
        's4,ada,hew,north,2025-08-31,7,"two\nlines"\n'
        "s5,ada,hew,north,2025-08-31,y,\n"
    )
    assert refusals(take, text) == [(6, "quantity", "x"), (7, "", None), (10, "quantity", "y")]


def test_all_refused_rows_are_told(take):
    rows = "".join(f"s{n},ada,hew,north,2025-08-31,6,bad\n" for n in range(1000))
    assert [line for line, *_ in refusals(take, HEADER + rows)] == list(range(2, 1002))


def test_a_local_time_at_a_clock_change_needs_a_fold(ledger, take):
    with ledger.append(EDGE) as batch:
        batch.add("site", {"id": "ny", "name": "NY", "industry": "coal", "timezone": "America/New_York"})
    twice = HEADER + "s1,ada,hew,ny,2025-11-02 01:30,6,7\n"
    with pytest.raises(RowsRefused, match="exists twice in America/New_York"):
        take(twice)
    with pytest.raises(RowsRefused, match="does not exist in America/New_York"):
        take(HEADER + "s1,ada,hew,ny,2025-03-09 02:30,6,7\n")
    take(twice, fold="later")
    assert shifts(ledger)[-1]["started"] == "2025-11-02T06:30:00Z"
