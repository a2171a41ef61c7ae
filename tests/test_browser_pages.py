"""Every page: axe finds no violation, nothing sticks out or is cut, it prints on white paper, and works with scripts off.

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
def test_a_page_works_with_scripts_off_and_prints_on_white(browse, inhabited, page):
    seen = look_at(browse, inhabited, page, "phone", scripts=False)
    assert seen.get_by_role("heading", level=1).count() == 1
    assert "enable JavaScript" not in seen.content()
    seen.emulate_media(media="print")
    looking.picture(seen, page.address, "print")


def test_every_page_has_an_address_to_look_at():
    assert not [page.address for page in PAGES if "{" in page.address], "give an example in tests/pages.py"
    assert len({page.address for page in PAGES}) == len(PAGES) > 3
