"""A ledger followed entry by entry holds, at every size, what the derivations give for that size."""

from datetime import date
from hashlib import sha256

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from books import BASE, START, book, books, entry, known, rows
from checkweigh import codec, entries, following, tables
from checkweigh.derived import DERIVED
from checkweigh.following import Following
from checkweigh.following import engine as engines
from checkweigh.following.engine import Engine
from checkweigh.following.state import SCOPES, ordered, put_in_order

PATIENT = settings(
    max_examples=1,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)


@pytest.fixture(autouse=True, scope="module")
def swept():
    """Tables are written anew as soon as any of their rows are deleted."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(following, "SWEPT_EVERY", 2)
        patched.setattr(engines, "FEW", 0)
        patched.setattr(engines, "WORN", 0)
        yield


class Log:
    """A log without a store: the canonical entries of a book."""

    def __init__(self, made):
        each = (
            entries.build(item["kind"], {name: value for name, value in item.items() if name != "kind"})
            for item in made
        )
        self.entries = [codec.encode(one) for one in each]
        self.size = len(self.entries)

    def root(self, size=None):
        return sha256(str(size).encode()).digest()

    def bundles(self, start, stop):
        yield start, pa.array([one.decode() for one in self.entries[start:stop]], pa.large_string())

    def erased(self):
        return [codec.decode(one).worker for one in self.entries if b'"kind":"erasure"' in one]


def agrees(following, made, size, where=""):
    """Asserts that what is followed is what is derived at a size."""
    full = known(made, size)
    for name in ("attainment", "records", "honours"):
        columns = list(DERIVED[name].schema.names)
        wanted = rows(tables.collect(DERIVED[name].derive(full)).to_pylist(), columns)
        if name != "attainment":
            got = following._held.engine.connection.sql(f"FROM {name}").to_arrow_table().to_pylist()
        else:
            got = tables.collect(DERIVED[name].derive(following.tables())).to_pylist()
        found = rows(got, columns)
        missing, extra = [row for row in wanted if row not in found], [row for row in found if row not in wanted]
        assert found == wanted, f"{name} at {size} {where}: missing {missing[:2]}, extra {extra[:2]}"


@PATIENT
@given(made=books(most=16), data=st.data())
def test_followed_tables_are_the_derived_ones(made, data):
    followed(made, data)


@pytest.mark.long
@pytest.mark.timeout(3600)
@settings(PATIENT, max_examples=100)
@given(made=books(), data=st.data())
def test_followed_tables_are_the_derived_ones_in_many_ledgers(made, data):
    followed(made, data)


def followed(made, data):
    """Follows a book in random steps, and compares after each."""
    log = Log(made)
    size = data.draw(st.integers(len(BASE), len(made)))
    following = Following(log, size)
    while size < len(made):
        size = data.draw(st.integers(size + 1, min(size + 9, len(made))))
        following.follow(size)
        agrees(following, made, size)


def test_what_others_were_given_stays_when_a_crew_and_a_worker_are_judged():
    """(Conditions with two subqueries joined by OR were taken for true where they are false.)"""
    made = book(
        """
        shift  id  worker  started           hours  quantity
               a   ada     2024-04-01 06:00  8      70
               b   bo      2024-04-01 06:00  8      80
        """,
        """
        shift  id  crew  started           hours  quantity
               c   six   2024-04-01 06:00  8      500
        """,
        start=[
            *START,
            entry(
                "rule", id="r", gives="Shock", conditions={"measure": "attainment", "at_least": "2"}, from_="2024-01-01"
            ),
        ],
    )
    made += [entry("verdict", shift=name, ruling="verified", reason="weighed") for name in ("a", "c")]
    following = Following(Log(made), len(made) - 2)
    following.rehearse()
    agrees(following, made, len(made) - 2)
    following.follow(len(made))
    agrees(following, made, len(made))


QUESTIONS = [
    ("attainment", {"worker": "ada"}, {}),
    ("attainment", {"crew": "red", "status": ["reported", "verified"]}, {}),
    ("attainment", {"id": "s0"}, {}),
    ("shift", {"id": "s0"}, {}),
    ("shift", {"id": "nobody"}, {}),
    ("verdict", {"ruling": None}, {}),
    ("worker", {"id": ["ada", "bo"]}, {}),
    ("records", {"worker": "ada"}, {}),
    ("records", {}, {"job": "hew"}),
    ("records", {}, {"job": "hew", "measure": "attainment", "scope": "site", "standing": True}),
    ("records", {}, {"holder": "crew", "length": "period"}),
    ("honours", {"crew": None}, {}),
    ("standings", {}, {"period": "all", "scope": "site"}),
    ("standings", {}, {"period": "week", "scope": "crew", "labour": True}),
    ("shares", {}, {}),
    *(("standings", {"from": date(2024, 4, 1)}, {"period": period}) for period in ("day", "week", "month", "quarter")),
    ("standings", {"from": date(2025, 1, 1)}, {"period": "year", "scope": "all"}),
    ("standings", {"from": date(2025, 1, 1)}, {"period": "month", "verified_only": True, "minimum_shifts": 1}),
]


@PATIENT
@given(made=books(), data=st.data())
def test_a_state_answers_as_the_derivations_do_while_it_is_followed_on(made, data):
    size = data.draw(st.integers(len(BASE) + 1, len(made)))
    following = Following(Log(made), len(BASE))
    for table, _, parameters in QUESTIONS[data.draw(st.sampled_from((12, 16))) :]:
        if table == "standings":
            following.state().rows(table, {}, [], 1, parameters)  # asked for once, they are kept
    for at in sorted({data.draw(st.integers(len(BASE) + 1, size)), size}):
        following.follow(at)
    state, full = following.state(), known(made, size)
    if size < len(made):
        following.follow(len(made))
    for table, where, parameters in QUESTIONS:
        asked = getattr(full, table) if table in entries.KINDS else DERIVED[table].derive(full, **parameters)
        for name, value in where.items():
            asked = asked.filter(
                asked[name].isnull()
                if value is None
                else asked[name].isin(value if isinstance(value, list) else [value])
            )
        wanted = tables.collect(asked).to_pylist()
        if state.answers(table):
            got = state.rows(table, where, [], None, parameters)
        else:
            got = tables.collect(DERIVED[table].derive(state.tables, **parameters)).to_pylist()
        columns = asked.columns
        assert rows(got, columns) == rows(wanted, columns), (table, where, parameters)
        if state.answers(table):
            some_columns(state, table, where, parameters, wanted, data)


def test_sums_are_added_to_and_taken_anew_where_a_shift_is_lost():
    made = book(
        """
        shift  id  worker  job     started           hours  quantity
               a   ada     hewing  2024-04-01 06:00  8      70
               b   ada     hewing  2024-04-02 06:00  8      60
               c   ada     timber  2024-04-02 16:00  8      30
               d   ada     hewing  2024-04-04 06:00  8      50
               e   bo      hewing  2024-04-03 06:00  8      65
        """,
        start=[*START, entry("job", id="timber", name="Timbering", industry="coal", unit="piece", better="higher")],
    )
    made += [
        entry("verdict", shift="b", ruling="annulled", reason="copied"),
        entry("verdict", shift="d", ruling="adjusted", quantity="40", reason="counted"),
    ]
    asked = [{"period": "month"}, {"period": "all", "scope": "site", "labour": True}]
    following = Following(Log(made), len(made) - 6)
    for parameters in asked:
        following.state().rows("standings", {}, [], 1, parameters)  # asked for once, they are kept
    for size in range(len(made) - 5, len(made) + 1):
        following.follow(size)
        state, full = following.state(), known(made, size)
        for parameters in asked if size > len(made) - 3 else []:
            wanted = tables.collect(DERIVED["standings"].derive(full, **parameters)).to_pylist()
            found = state.rows("standings", {}, [], None, parameters)
            assert rows(found, list(wanted[0])) == rows(wanted, list(wanted[0])), (size, parameters)
    assert len(state._sums) == len(asked)


def some_columns(state, table, where, parameters, wanted, data):
    """Asserts that some columns, of standings those of some parties, are those that are asked for with all others."""
    some = data.draw(st.lists(st.sampled_from(list(wanted[0])), min_size=1, unique=True)) if wanted else ["entry"]
    named = [row["party"] for row in wanted if row["party"] is not None] if table == "standings" else []
    if named:
        parties = data.draw(st.lists(st.sampled_from(named), min_size=1, unique=True))
        where, wanted = {**where, "party": parties}, [row for row in wanted if row["party"] in parties]
    for these in ([some, ["party", "rank"], ["party", "change"]] if named else [some]) if wanted else []:
        got = state.rows(table, where, [], None, parameters, these)
        assert rows(got, these) == rows(wanted, these), (table, where, parameters, these)


def parts(state):
    """What stands in each kind, and in each part of the records, and since when."""
    for kind in entries.KINDS:
        yield kind, state.since(kind, {}), state.rows(kind, {}, [], None, {})
    for scope in SCOPES:
        yield (
            f"records {scope}",
            state.since("records", {"scope": scope}),
            state.rows("records", {}, [], None, {"scope": scope}),
        )
    yield "records", state.since("records", {}), state.rows("records", {}, [], None, {})


def unchanged(following, sizes):
    """Follows through some sizes, and asserts that what is said not to have changed is as it was; the names of what was said to have."""
    changed, before = [], {name: (since, each) for name, since, each in parts(following.state())}
    for size in sizes:
        following.follow(size)
        now = {name: (since, each) for name, since, each in parts(following.state())}
        changed.append({name for name in now if now[name][0] != before[name][0]})
        for name, (_, each) in now.items():
            if name not in changed[-1]:
                columns = list(each[0]) if each else []
                assert rows(each, columns) == rows(before[name][1], columns), (name, size)
        before = now
    return changed


@PATIENT
@given(made=books(), data=st.data())
def test_what_is_said_not_to_have_changed_is_as_it_was(made, data):
    size = data.draw(st.integers(len(BASE), len(made)))
    unchanged(Following(Log(made), size), range(size + 1, len(made) + 1, data.draw(st.integers(1, 3))))


def test_a_mark_changes_the_parts_of_the_records_that_it_reaches_and_an_erasure_the_workers():
    made = book(
        """
        shift  id  worker  started           hours  quantity
               a   ada     2024-04-01 06:00  8      70
               b   bo      2024-04-02 06:00  8      60
               c   bo      2024-04-03 06:00  8      50
               d   bo      2024-04-04 06:00  8      65
               e   bo      2024-04-05 06:00  8      80
        """,
    )
    made.append(entry("erasure", worker="ada", reason="asked"))
    log, erased = Log(made), []
    log.erased = lambda: erased
    following = Following(log, len(made) - 4)
    own, everywhere = {"records", "records worker"}, {"records", *SCOPES.values()}
    sizes = range(len(made) - 3, len(made))
    assert unchanged(following, sizes) == [{"shift"}, {"shift"} | own, {"shift"} | everywhere]
    erased.append("ada")
    assert unchanged(following, [len(made)]) == [{"erasure", "worker"}]


def test_what_is_put_anew_leaves_what_is_as_it_was_where_it_is():
    engine = Engine(duckdb.connect())
    engine.execute(
        "CREATE TABLE kept AS SELECT * FROM (VALUES ('a', [1], NULL), ('a', NULL, 2), ('b', [1, 2], 3), ('c', NULL, 4)) AS t (id, list, n)"
    )
    engine.execute(
        "CREATE TABLE fresh AS SELECT * FROM kept WHERE id = 'a' UNION ALL VALUES ('b', [1, 2], NULL), ('b', [9], 3)"
    )
    engine.put("kept", "id <> 'c'", "fresh")
    found = engine.execute("SELECT rowid, id, list, n FROM kept ORDER BY rowid").fetchall()
    assert found[:3] == [(0, "a", [1], None), (1, "a", None, 2), (3, "c", None, 4)]
    assert sorted(row[1:] for row in found[3:]) == [("b", [1, 2], None), ("b", [9], 3)]


def test_a_table_of_mostly_deleted_rows_is_written_anew_for_all_but_those_who_read_it(monkeypatch):
    monkeypatch.setattr(engines, "FEW", 10)
    monkeypatch.setattr(engines, "WORN", 1)
    engine = Engine(duckdb.connect())
    for name, most in (("worn", 100), ("little", 12), ("fresh", 100)):
        engine.execute(f"CREATE TABLE {name} AS SELECT i, i % 5 AS n FROM range({most}) AS r (i)")
    engine.execute("CREATE INDEX worn_n ON worn (n)")
    engine.execute("CREATE VIEW seen AS SELECT * FROM worn")
    reader = engine.cursor()
    reader.execute("BEGIN")
    counted = "SELECT count(*) FROM seen"
    before = reader.execute(counted).fetchall()
    for name, left in (("worn", 40), ("little", 2), ("fresh", 60)):
        engine.execute(f"DELETE FROM {name} WHERE i >= {left}")
    engine.sweep()
    sizes = engine.execute("SELECT table_name, estimated_size, index_count FROM duckdb_tables() ORDER BY 1").fetchall()
    assert sizes == [("fresh", 100, 0), ("little", 12, 0), ("worn", 40, 1)]
    assert (
        (engine.execute(counted).fetchall(), reader.execute(counted).fetchall())
        == ([(40,)], before)
        == ([(40,)], [(100,)])
    )


def test_a_few_rows_are_put_in_the_order_of_the_engine():
    engine = Engine(duckdb.connect())
    rows = "(VALUES ('b', NULL), ('a', 2), (NULL, 3), ('é', 1), ('a', NULL), ('Z', 5)) AS t (id, n)"
    for order in (["id", "n"], ["-id", "n"], ["n", "-id"], ["-n", "-id"]):
        found = engine.execute(f"SELECT * FROM {rows}").fetchall()
        put_in_order(found, ["id", "n"], order)
        assert found == engine.execute(f"SELECT * FROM {rows}{ordered(order)}").fetchall(), order
