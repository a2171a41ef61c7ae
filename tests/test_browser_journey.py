"""A visitor's journey: `checkweigh serve --demo`, the board of 1935, and the record book from 1936 to 1990, dragged with the mouse."""

from datetime import date

from playwright.sync_api import expect

from serving import serving
from test_web_running import DEMO

BOOK = "/records?job=hewing&measure=quantity&holder=single&length=shift"


def days(text):
    """A date as the slider has it."""
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


def marks(page):
    """The marks of the first class, as (figure, holder), those that were struck left out."""
    rows = page.locator("#book section.class").first.locator("tbody tr:not(.struck)")
    return [(row.locator("td").first.inner_text(), row.locator("th").inner_text()) for row in rows.all()]


def drag(page, to, through=()):
    """Take the slider with the mouse where it is, and let it go on a day."""
    slider = page.locator("#slider")
    box = slider.bounding_box()
    first, last, now = (int(slider.evaluate(f"one => one.{name}")) for name in ("min", "max", "value"))
    thumb = 16

    def place(day):
        return box["x"] + thumb / 2 + (day - first) / (last - first) * (box["width"] - thumb)

    height = box["y"] + box["height"] / 2
    page.mouse.move(place(now), height)
    page.mouse.down()
    for day in (*map(days, through), days(to)):
        page.mouse.move(place(day), height, steps=8)
    page.mouse.up()


def test_a_visitor_drags_the_record_book_from_1936_to_1990(browse, tmp_path):
    with serving(tmp_path / "demo", DEMO) as server:
        page = browse(server.address)
        page.goto("/?period=year&start=1935-01-01")
        expect(page.get_by_role("heading", level=1)).to_have_text("1935")
        expect(page.get_by_role("main").get_by_role("link", name="Alexei Stakhanov").first).to_be_visible()
        expect(page.get_by_role("link", name="Sign in")).to_be_visible()
        page.get_by_role("link", name="Record book").first.click()
        expect(page.get_by_role("heading", name="The record book")).to_be_visible()

        page.goto(f"{BOOK}&at=1936-12-31")
        assert marks(page)[2:4] == [("102 t", "Alexei Stakhanov"), ("115 t", "Dyukanov")]
        drag(page, "1990-06-01", through=["1950-01-01", "1987-01-01"])
        expect(page.locator("#known-on")).to_contain_text("1990")
        expect(page.locator("#book .struck")).to_contain_text("Two timberers worked with him for the whole shift")
        assert marks(page)[2] == ("115 t", "Dyukanov")
        said = page.locator("#changes")
        expect(said).to_contain_text("102 t")
        expect(said).to_contain_text("Alexei Stakhanov")
        expect(said).to_contain_text("Two timberers")
        assert "at=1990" in page.url and "since=1936-12-31" in page.url

        page.get_by_role("link", name="august").first.click()
        expect(page.get_by_role("main")).to_contain_text("14.571428")
        expect(page.get_by_role("main")).to_contain_text("4.857142")
        page.context.close()
