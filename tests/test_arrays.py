"""From NumPy and Python to Arrow and back: the same as Arrow's own ways, and pandas is left alone."""

import subprocess
import sys
from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkweigh import arrays

VALUES = {
    pa.int64(): st.integers(-(2**63), 2**63 - 1), pa.int32(): st.integers(-(2**31), 2**31 - 1), pa.uint64(): st.integers(0, 2**64 - 1),
    pa.timestamp("us"): st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)), pa.date32(): st.dates(), pa.bool_(): st.booleans(),
}  # fmt: skip


@given(st.data())
def test_what_comes_back_is_what_arrow_says(data):
    kind = data.draw(st.sampled_from(list(VALUES)))
    values = data.draw(st.lists(VALUES[kind] | st.none(), max_size=40))
    begin = data.draw(st.integers(0, len(values)))
    array = pa.array(values, kind).slice(begin)
    found = arrays.numpy_of(data.draw(st.sampled_from([array, pa.chunked_array([array, array[:0]], kind)])))
    given = array.is_valid().to_numpy(zero_copy_only=False)
    assert len(found) == len(array)
    assert np.array_equal(found[given], array.drop_null().to_numpy(zero_copy_only=False))


@given(st.lists(st.integers(-(2**63), 2**63 - 1)), st.data())
def test_numbers(values, data):
    valid = data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    known = np.array(values, np.int64)
    assert arrays.numbers(known).equals(pa.array(values, pa.int64()))
    expected = [value if one else None for value, one in zip(values, valid, strict=True)]
    assert arrays.numbers(known, np.array(valid, np.bool_)).equals(pa.array(expected, pa.int64()))
    assert arrays.numbers(np.repeat(known, 2)[::2].astype(np.uint64)).to_pylist() == [value % 2**64 for value in values]


@given(st.lists(st.booleans()))
def test_flags(values):
    assert arrays.flags(np.array(values, np.bool_)).equals(pa.array(values, pa.bool_()))


@given(st.lists(st.text() | st.none()), st.text())
def test_texts(values, other):
    array = arrays.texts(values)
    array.validate(full=True)
    assert array.equals(pa.array(values, pa.string()))
    assert arrays.filled(array, other).to_pylist() == [other if value is None else value for value in values]


@pytest.mark.parametrize(
    ("value", "kind"),
    [("é", pa.string()), ("x", pa.large_binary()), ("1.5", pa.decimal128(9, 3)), (True, pa.bool_()), (-1, pa.int32())],
)
def test_literals(value, kind):
    expected = pa.array([value]).cast(kind)
    assert arrays.literal(value, kind).equals(expected[0])


def test_days_and_moments_come_as_those_of_numpy():
    assert arrays.numpy_of(pa.array([date(1935, 8, 31)])).dtype == "datetime64[D]"
    assert arrays.numpy_of(pa.array([datetime(1935, 8, 31)], pa.timestamp("us"))).dtype == "datetime64[us]"
    assert not len(arrays.empty(pa.schema([("n", pa.int64())])))


IMPORT = """
import sys
from datetime import UTC, datetime
class Watch:
    def find_spec(self, name, *others):
        if name == "pandas":
            print("looked for pandas")
sys.meta_path.insert(0, Watch())
from checkweigh import importing
from checkweigh.ledger import Edge, Ledger
path, file = sys.argv[1:]
edge = Edge(by="login:anna", now=datetime(2025, 9, 1, tzinfo=UTC))
with Ledger.create(path, edge=edge) as ledger:
    with ledger.append(edge) as batch:
        batch.add("site", {"id": "north", "name": "North", "industry": "coal", "timezone": "Europe/Berlin"})
        batch.add("job", {"id": "hew", "name": "Hewing", "industry": "coal", "unit": "t", "better": "higher"})
        batch.add("crew", {"id": "c1", "name": "c1", "headcount": "3", "from": "2024-01-01"})
        for number in range(300):
            batch.add("worker", {"id": f"w{number}", "site": "north", "from": "2024-01-01"})
    print(importing.read(ledger, file, edge=edge).added)
"""


def test_an_import_does_not_look_for_pandas(tmp_path):
    helpers = ["", "w290:hauling:4;w291::2.5", '[{""worker"":""w292"",""hours"":8.0}]']
    rows = []
    for n in range(4, 20_000):
        started = f"2025-{n % 7 + 1:02}-{n // 7 % 28 + 1:02} {n // 196 % 24:02}:{n // 4704:02}"
        rows.append(f'w{n % 200},,hew,north,{started},7.5,{n % 999}.25,"{helpers[n % 3]}"')
    rows += ["w9,,hew,north,2025-07-01 06:30,,5,", ",c1,hew,north,2025-07-01 06:00,7,5,"]
    file = tmp_path / "shifts.csv"
    file.write_text("worker,crew,job,site,started,hours,quantity,helpers\n" + "\n".join(rows) + "\n")
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, tmp_path / "l", file], capture_output=True, text=True, check=False
    )
    assert done.stdout.split("\n")[:-1] == ["19998"], done.stderr
