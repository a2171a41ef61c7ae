"""The SQL of an expression is remembered for all that say the same, and for nothing else."""

import gc
import weakref
from decimal import Decimal

import duckdb
import ibis
import pytest

from books import book, known
from checkweigh import columns, queries, tables
from checkweigh.derived import DERIVED
from checkweigh.kinds import KINDS
from checkweigh.tables import collect

ONE = book("shift  id  worker  started           hours  quantity\n       a   ada     1935-08-31 23:00  6      102")
OTHER = book("shift  id  worker  started           hours  quantity\n       b   bo      1935-09-03 07:00  6      115")


@pytest.fixture
def written(monkeypatch):
    """What Ibis is asked to write, from an empty memory on."""
    asked = []
    backend = type(known(ONE).shift.get_backend())
    write = backend.compile
    monkeypatch.setattr(
        backend, "compile", lambda self, table, **given: asked.append(table) or write(self, table, **given)
    )
    monkeypatch.setattr(queries, "_WRITTEN", type(queries._WRITTEN)())
    return asked


def steps_of(text):
    """The steps that a query names, in order."""
    return [found[1] for found in queries._QUOTED.finditer(text)]


def test_every_derivation_is_asked_as_ibis_writes_it_whatever_was_asked_before():
    for held in map(known, (ONE, OTHER)):
        for derivation in DERIVED.values():
            table = derivation.derive(held)
            assert queries.sql(table) == table.get_backend().compile(table), derivation.name


def test_a_derivation_is_written_once_for_all_ledgers(written):
    def found(rows, derived="attainment"):
        return collect(DERIVED[derived].derive(known(rows))).to_pylist()

    first = found(ONE)
    assert written and [row["id"] for row in first] == ["a"]
    found(OTHER, "records")  # so that steps have other numbers
    del written[:]
    assert [row["id"] for row in found(OTHER)] == ["b"]
    assert not written


@pytest.mark.parametrize(
    "values", [(1, True), (1, 1.0), (0.0, -0.0), (Decimal("1.0"), Decimal("1.00")), ("a", "b")], ids=str
)
def test_what_is_equal_and_not_the_same_is_written_anew(values):
    shift = known(ONE).shift
    tables = [shift.select(one=ibis.literal(value)) for value in values]
    assert [queries.sql(table) for table in tables] == [shift.get_backend().compile(table) for table in tables]


def test_a_text_like_the_name_of_a_step_stays_what_it_is():
    for rows in (ONE, OTHER):
        held = known(rows)
        kept = held.kept(held.shift.select("id"))
        (name,) = steps_of(queries.sql(kept))
        said = collect(kept.mutate(said=ibis.literal(f'"{name}" and "step_0"')))["said"][0].as_py()
        assert said == f'"{name}" and "step_0"'


def test_two_steps_are_not_taken_for_one():
    def rows(table):
        return collect(table.count().as_table())[0][0].as_py()

    held = known(ONE)
    some, none = held.kept(held.shift), held.kept(held.shift.filter(False))
    assert [rows(one.union(other)) for one, other in ((some, none), (some, some), (none, some), (none, none))] == [
        1,
        2,
        1,
        0,
    ]


def test_no_engine_is_kept_alive_by_what_was_written(written):
    held = known(ONE)
    engine = weakref.ref(held.shift.get_backend())
    collect(DERIVED["records"].derive(held))
    assert queries._WRITTEN
    del held, written[:]
    gc.collect()
    assert engine() is None


def test_the_memory_is_bounded(monkeypatch, written):
    monkeypatch.setattr(queries, "MOST", 3)
    shift = known(ONE).shift
    for limit in range(5):
        queries.sql(shift.limit(limit))
    assert len(queries._WRITTEN) == 3
    del written[:]
    queries.sql(shift.limit(4))
    assert not written
    queries.sql(shift.limit(0))
    assert written


def test_a_step_of_a_name_that_is_no_number_keeps_it():
    shift = known(ONE).shift
    named = tables.named(shift.get_backend(), "step_stretches", shift.schema())
    assert '"step_stretches"' in queries.sql(named) and '"step_stretches"' in queries.sql(named)


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_table_is_declared_as_an_engine_would_make_it(kind):
    schema = columns.schema(kind)
    with duckdb.connect() as engine:
        engine.register("given", schema.empty_table())
        engine.execute("CREATE TABLE handed_over AS SELECT * FROM given")
        engine.execute(f"CREATE TABLE declared ({queries.declared(schema)})")
        handed_over, declared = (engine.execute(f"DESCRIBE {one}").fetchall() for one in ("handed_over", "declared"))
    assert declared == handed_over != []
