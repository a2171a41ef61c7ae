"""Every page: axe finds no violation, nothing sticks out or is cut, it prints whole on white paper, and works with scripts off.

Each is looked at on a desk by day and on a phone by night; the long form looks in every other way too. The pictures are for people to
look at: `make screenshots`.
"""

import pytest

import looking
import pages
from browsing import LOOKS
from checkweigh.web.roles import Role

PAGES = list(pages.every())
LIKELY = ("light", "phone dark")


def look_at(browse, site, page, look, **options):
    """A page as whoever may look at it sees it."""
    seen = browse(site, None if page.role is Role.VISITOR else page.role, look=look, **options)
    answer = seen.goto(page.address)
    assert answer.status == 200, seen.get_by_role("main").inner_text()
    return seen


def check(browse, site, page, look):
    seen = look_at(browse, site, page, look)
    looking.settled(seen)
    looking.picture(seen, page.address, look)
    looking.fits(seen)
    looking.accessible(seen)
    return seen


@pytest.mark.parametrize("page", PAGES, ids=str)
@pytest.mark.parametrize("look", LIKELY)
def test_a_page_is_accessible_and_fits(browse, inhabited, page, look):
    check(browse, inhabited, page, look)


@pytest.mark.long
@pytest.mark.parametrize("page", PAGES, ids=str)
@pytest.mark.parametrize("look", [look for look in LOOKS if look not in LIKELY])
def test_a_page_is_accessible_and_fits_in_every_other_way(browse, inhabited, page, look):
    check(browse, inhabited, page, look)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_page_works_with_scripts_off_and_prints_whole_on_white(browse, inhabited, page):
    seen = look_at(browse, inhabited, page, "dark", scripts=False)
    assert seen.get_by_role("heading", level=1).is_visible()
    assert "enable JavaScript" not in seen.content()
    seen.emulate_media(media="print")
    seen.set_viewport_size(looking.SHEET)
    looking.fits(seen)
    assert seen.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    looking.picture(seen, page.address, "print")


HIDDEN_ON_PAPER = (".ways", ".find", ".who", ".filters", "main button", "main .button")


@pytest.mark.parametrize("address", ["/?period=all&scope=crew", "/receipts/38"])
def test_what_hangs_in_the_hall_has_nothing_to_press_and_no_cut_table(browse, inhabited, address):
    page = browse(inhabited)
    page.goto(address)
    seen = [one for one in HIDDEN_ON_PAPER if page.locator(one).count() and page.locator(one).first.is_visible()]
    assert {".ways", ".find", ".who"} <= set(seen), "on a screen they are there"
    page.emulate_media(media="print")
    page.set_viewport_size(looking.SHEET)
    shown = "one => getComputedStyle(one).display"
    assert {page.locator(one).first.evaluate(shown) for one in seen} == {"none"}
    for region in page.locator(".scroll, pre").all():
        assert region.evaluate("one => [getComputedStyle(one).overflowX, one.scrollWidth <= one.clientWidth + 1]") == [
            "visible",
            True,
        ]
    assert page.locator(".foot").is_visible(), "what was known then stands on the paper"
    assert page.locator("figure.code img").count() == 0 or page.locator("figure.code img").first.is_visible()
    assert len(page.pdf(format="A4")) > looking.LEAST_BYTES


def send(page, name):
    page.get_by_role("main").get_by_role("button", name=name, exact=True).click()


def test_with_scripts_off_readers_filter_choose_and_find(browse, inhabited):
    page = browse(inhabited, scripts=False)
    page.goto("/")
    page.locator("[name=scope]").select_option("crew")
    page.locator("[name=period]").select_option("all")
    send(page, "Show")
    assert "Busygin's brigade" in page.locator("table.standings").inner_text()
    page.goto("/records?at=1990-12-31")
    page.locator("[name=holder]").select_option("crew")
    send(page, "Show")
    assert "at=1990-12-31" in page.url and "640 t" in page.locator("#book").inner_text()
    page.goto("/ledger")
    page.locator("[name=kind]").select_option("verdict")
    send(page, "Show")
    assert page.locator("td.says").count() == 1
    page.goto("/quotas")
    page.get_by_label("In force on").fill("1936-01-01")
    send(page, "Look")
    assert page.locator("tr", has_text="Hewing coal").locator("strong").inner_text() == "7"
    page.goto("/on-this-day?day=01-01")
    page.get_by_label("Month and day").fill("11-05")
    send(page, "Show that day")
    assert "Alexei Stakhanov died" in page.locator(".calendar").inner_text()
    page.goto("/campaign")
    page.locator("[name=by]").select_option("industry")
    send(page, "Show")
    assert page.get_by_role("rowheader", name="coal").is_visible()
    page.get_by_role("searchbox").fill("kontsedalov")
    page.get_by_role("button", name="Find").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Kontsedalov"


def test_with_scripts_off_a_reader_sees_a_shift_as_known_on_a_day_and_filters_the_cases(browse, inhabited):
    page = browse(inhabited, scripts=False)
    page.goto("/shifts/august")
    assert page.locator(".honest").inner_text() == "4.857142"
    page.locator("[name=at]").fill("1936-12-31")
    send(page, "Look")
    assert page.locator(".honest").inner_text() == "14.571428"
    page.goto("/trial")
    page.locator("[name=doubt]").select_option("contradictions")
    send(page, "Show")
    assert page.get_by_role("listitem").filter(has_text="Izotov and crew").count() == page.locator(".case").count() == 1


def test_every_page_has_an_address_to_look_at():
    assert not [page.address for page in PAGES if "{" in page.address], "give an example in tests/pages.py"
    assert len({page.address for page in PAGES}) == len(PAGES) > 3
