"""Every derived table against the plainest Python, on random ledgers, as known at several sizes; and what the registry promises."""

from inspect import signature

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import reference
from books import BASE, books, compare, derive, known
from checkweigh import tables
from checkweigh.derived import DERIVED

PATIENT = settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
"""Each example opens a ledger and plans a query: a few large ones, not made smaller when one fails."""
scopes = st.sampled_from(("worker", "crew", "site", "industry", "all"))
periods = st.sampled_from(("day", "week", "month", "quarter", "year", "all"))


@PATIENT
@given(book=books(), data=st.data())
def test_attainment_is_what_plain_python_computes(book, data):
    size = data.draw(st.integers(10, len(book)))
    wanted = [_figures(row) for row in reference.attainment(book, size)]
    compare("attainment", derive("attainment", book, size), wanted)


def _figures(row):
    return row


IN_ORDER = ("job", "measure", "scope", "within", "holder", "length", "started", "entry")


@PATIENT
@given(book=books(), data=st.data())
def test_records_are_what_plain_python_computes(book, data):
    size = data.draw(st.integers(10, len(book)))
    found = derive("records", book, size)
    compare("records", found, reference.records(book, size))
    assert found == sorted(found, key=lambda row: [(row[name] is None, row[name]) for name in IN_ORDER])


@PATIENT
@given(book=books(), data=st.data())
def test_standings_are_what_plain_python_computes(book, data):
    shown = known(book)
    for _ in range(3):
        asked = {"period": data.draw(periods), "scope": data.draw(scopes), "labour": data.draw(st.booleans())}
        asked |= {"verified_only": data.draw(st.booleans()), "minimum_shifts": data.draw(st.integers(0, 2))}
        asked["job"] = data.draw(st.sampled_from((None, "hew")))
        asked["site"] = data.draw(st.sampled_from((None, None, "mill")))
        compare("standings", derive("standings", shown, **asked), reference.standings(book, **asked))


@PATIENT
@given(book=books(most=10))
def test_honours_are_what_plain_python_computes(book):
    compare("honours", derive("honours", book), reference.honours(book))


@PATIENT
@given(book=books(), data=st.data())
def test_quotas_are_what_plain_python_computes(book, data):
    size = data.draw(st.integers(10, len(book)))
    asked = {"shifts": data.draw(st.booleans()), "job": data.draw(st.sampled_from((None, "hew")))}
    compare("quotas", derive("quotas", book, size, **asked), reference.quotas(book, size, **asked))


@PATIENT
@given(book=books(), data=st.data())
def test_shares_are_what_plain_python_computes(book, data):
    shown = known(book)
    for _ in range(3):
        asked = {"period": data.draw(periods), "scope": data.draw(st.sampled_from(("worker", "crew")))}
        asked |= {"labour": data.draw(st.booleans()), "job": data.draw(st.sampled_from((None, "hew")))}
        compare("shares", derive("shares", shown, **asked), reference.shares(book, **asked))


@PATIENT
@given(book=books(), data=st.data())
def test_spread_is_what_plain_python_computes(book, data):
    shown = known(book)
    for _ in range(3):
        asked = {"period": data.draw(periods), "by": data.draw(st.sampled_from(("job", "industry")))}
        asked["labour"] = data.draw(st.booleans())
        compare("spread", derive("spread", shown, **asked), reference.spread(book, **asked))


OF_LEDGERS = (
    test_attainment_is_what_plain_python_computes,
    test_records_are_what_plain_python_computes,
    test_standings_are_what_plain_python_computes,
    test_honours_are_what_plain_python_computes,
    test_quotas_are_what_plain_python_computes,
    test_shares_are_what_plain_python_computes,
    test_spread_is_what_plain_python_computes,
)


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("test", OF_LEDGERS, ids=lambda test: test.__name__)
def test_the_same_of_many_more_ledgers(test):
    more = settings(PATIENT, max_examples=60)
    drawn = {"data": st.data()} if "data" in signature(test.hypothesis.inner_test).parameters else {}
    more(given(book=books(), **drawn)(test.hypothesis.inner_test))()


@pytest.mark.parametrize("name", DERIVED)
def test_declared_schema_is_derived_schema(name):
    found = DERIVED[name].derive(known(BASE))
    assert found.schema() == DERIVED[name].schema
    assert tables.collect(found).schema == DERIVED[name].schema.to_pyarrow()
    assert list(DERIVED[name].columns) == list(DERIVED[name].schema.names)
