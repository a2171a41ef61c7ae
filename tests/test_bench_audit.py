"""The benchmark of the audit in a small form: 30,000 honest shifts with planted fraud, and sections of one file of results."""

import pytest
from bench import audit, results

EXACT = ("over-capacity", "overlap", "count-mismatch", "duplicate", "claimed-attainment")


@pytest.fixture(scope="module")
def tallies(monkeypatch_module):
    monkeypatch_module.setattr(
        audit, "CHECKS", [check for check in audit.CHECKS if check.code in (*EXACT, "backdated")]
    )
    return audit.measured(0.03, [1], cases=10, times=1)


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.mark.parametrize("code", EXACT)
def test_what_is_planted_is_found_and_nothing_else(tallies, code):
    tally = tallies[code]
    assert tally.planted == 10
    assert tally.recall >= audit.TARGET and tally.precision >= audit.TARGET, f"{tally.false} false, {tally.found} of 10"


def test_the_report_tells_every_check(tallies):
    told = audit.report(tallies, 0.03, [1], 10)
    assert all(f"\n| {code} |" in told for code in tallies)


def test_one_benchmark_leaves_the_section_of_another_alone(tmp_path):
    path = tmp_path / "results.md"
    for heading, section in (("One", "1"), ("Two", "2\n"), ("One", "3")):
        results.write(heading, section, path)
    assert path.read_text() == "# What the benchmarks measured\n\n## One\n\n3\n\n## Two\n\n2\n"
