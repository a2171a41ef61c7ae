"""What no address alone shows: a ruling's preview, reports of files, refused forms, errors, opened parts, and an empty ledger.

Each is looked at like every page. The short form looks at what is largest, on a phone by night; the long form at all, in every way.
"""

from types import SimpleNamespace

import pytest

import looking
from browsing import LOOKS, Site
from checkweigh.ledger import Ledger
from conftest import EDGE

NIGHT = "phone dark"
WEEK = """worker,job,site,started,quantity,hours
stakhanov,hewing,tsentralnaya-irmino,1935-10-01 06:00,120,6
dyukanov,hewing,tsentralnaya-irmino,1935-10-02 06:00,90,6
nobody,hewing,tsentralnaya-irmino,1935-10-02 06:00,90,6
stakhanov,hewing,tsentralnaya-irmino,1935-10-03 06:00,many,6
"""


def main_button(page, name):
    page.get_by_role("main").get_by_role("button", name=name).click()


def preview(page, tmp_path):
    """What annulling the largest claim would change."""
    page.goto("/trial/stakhanov-227")
    page.get_by_role("radio", name="annulled").check()
    page.get_by_label("Reason").fill("coal of two crews on one tally")
    main_button(page, "Show what it would change")
    page.get_by_role("heading", name="What “annulled” would change").wait_for()
    told = page.locator(".preview").inner_text()
    assert "stakhanov-175 of September 1935" in told, "a day that nobody knows is not told"
    assert "Single-handed record of Alexei Stakhanov: earned → loses its basis" in told


def refused_verdict(page, tmp_path):
    """A verdict whose figures are none."""
    page.goto("/trial/stakhanov-227")
    page.get_by_role("radio", name="adjusted").check()
    page.get_by_label("Reason").fill("the scale was read again")
    page.get_by_text("Corrected figures, for an").click()
    page.locator("#quantity").fill("many")
    main_button(page, "Show what it would change")
    page.locator("#e-quantity").wait_for()


def report(page, tmp_path):
    """What a file would do, and which of its rows are refused."""
    (tmp_path / "week.csv").write_text(WEEK)
    page.goto("/enter/file")
    page.get_by_label("File", exact=True).set_input_files(tmp_path / "week.csv")
    main_button(page, "Read it")
    page.get_by_text("2 of 4 rows would be refused").wait_for()


def options(page, tmp_path):
    """The form of a file, opened."""
    page.goto("/enter/file")
    page.get_by_text("Columns, dates and the like").click()


def refused_shift(page, tmp_path):
    """A shift of nobody, with the parts of the form open."""
    page.goto("/enter")
    page.get_by_text("Name the helpers").click()
    page.get_by_text("Quota, note, clock change").click()
    page.get_by_label("Who", exact=True).fill("nobody")
    page.get_by_label("Job").select_option("hewing")
    page.get_by_label("Site").select_option("kochegarka")
    page.get_by_label("Quantity").fill("9")
    main_button(page, "Enter the shift")
    page.locator("#list li[data-state=refused]").wait_for()


def refused_count(page, tmp_path):
    """A count that no scale gave."""
    page.goto("/enter/count")
    page.get_by_label("Job").select_option("hewing")
    page.get_by_label("Site").select_option("kochegarka")
    for name in ("From", "Until"):
        page.get_by_label(name, exact=True).fill("1935-10-01T06:00")
    page.get_by_label("Quantity").fill("many")
    page.get_by_label("Instrument").fill("weighbridge")
    main_button(page, "Enter it")
    page.locator("#e-quantity").wait_for()


def opened(page, tmp_path):
    """A shift with its formulas and its doubts."""
    page.goto("/shifts/august")
    for part in page.locator("details.fetched > summary").all():
        part.click()
    page.get_by_text("102 ÷ 7 = 14.571428").first.wait_for(timeout=60_000)
    page.get_by_text("Last audited at size").wait_for(timeout=60_000)


def at(address):
    """The page of an address."""

    def go(page, tmp_path):
        page.goto(address)

    go.__name__ = address
    return go


STATES = {
    "verifier": (preview, refused_verdict),
    "supervisor": (report, options, refused_shift, refused_count),
    "visitor": (
        opened,
        at("/shifts/august?at=1936-12-31"),
        at("/?wall=1&period=all"),
        at("/?job=weaving&verified=1"),
        at("/records?measure=rate_per_hour&holder=single"),
        at("/trial?job=none"),
        at("/find?q=vinogradova"),
        at("/find?q=nobody+at+all"),
        at("/shifts/none"),
        at("/enter"),
        at("/records?at=tomorrow"),
    ),
    "worker": (at("/enter/file"), at("/object/40")),
}
CASES = [(role, state) for role, states in STATES.items() for state in states]
LARGEST = {preview, report}
EMPTY = (
    "/",
    "/?wall=1",
    "/records",
    "/trial",
    "/quotas",
    "/campaign",
    "/on-this-day",
    "/ledger",
    "/enter",
    "/find?q=a",
)


def ways():
    """Each state in each look; the largest, on a phone by night, in the short form too."""
    for role, state in CASES:
        for look in LOOKS:
            short = state in LARGEST and look == NIGHT
            named = f"{state.__name__} of a {role}, {look}"
            yield pytest.param(role, state, look, id=named, marks=[] if short else [pytest.mark.long])


def look_at(page, name, look):
    looking.settled(page)
    looking.picture(page, name, look)
    looking.fits(page)
    looking.accessible(page)


@pytest.mark.parametrize(("role", "state", "look"), list(ways()))
def test_a_state_of_a_page_is_accessible_and_fits(browse, inhabited, tmp_path, role, state, look):
    browse.meant("40[0-9]", "422")
    page = browse(inhabited, None if role == "visitor" else role, look=look)
    state(page, tmp_path)
    look_at(page, f"state of a {role} {state.__name__}", look)


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """The board of a ledger that nobody has written to."""
    with Ledger.create(tmp_path_factory.mktemp("empty") / "ledger", edge=EDGE) as ledger:
        site = Site(ledger)
        yield SimpleNamespace(site=site)
        site.stop()


@pytest.mark.long
@pytest.mark.parametrize("address", EMPTY)
@pytest.mark.parametrize("look", ["light", NIGHT])
def test_an_empty_ledger_says_what_to_do_next(browse, empty, address, look):
    page = browse(empty.site, "supervisor", look=look)
    page.goto(address)
    look_at(page, f"empty {address}", look)
