"""Looking at a page: what axe finds, what sticks out of it or is cut, whether anything is on it, and a picture of it."""

import os
import re
import tempfile
from functools import cache
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from browsing import PATIENCE_MS

SHOTS = "CHECKWEIGH_SHOTS"
LEAST_BYTES = 6_000
"""A picture of a page with something on it is larger."""
SHEET = {"width": 718, "height": 1040}
"""What a sheet of A4 holds between its margins, in pixels of a style sheet."""
STICKS_OUT = """() => {
  const room = document.documentElement.clientWidth, found = [];
  if (document.documentElement.scrollWidth <= room) return found;
  for (const one of document.body.querySelectorAll('*')) {
    const box = one.getBoundingClientRect();
    let inside = false;
    for (let up = one.parentElement; up; up = up.parentElement)
      if (getComputedStyle(up).overflowX !== 'visible') inside = true;
    if (box.right > room + 1 && box.width > 0 && !inside) found.push(one.outerHTML.slice(0, 90));
  }
  return found.length ? found.slice(0, 5) : ['the page is ' + document.documentElement.scrollWidth + ' wide'];
}"""
CUT = """() => [...document.body.querySelectorAll('*')].filter(one => {
  const style = getComputedStyle(one), box = one.getBoundingClientRect();
  if (box.width < 4 || box.height < 4 || !one.innerText || !one.innerText.trim()) return false;
  const hides = way => ['hidden', 'clip'].includes(way);
  return (hides(style.overflowX) && one.scrollWidth > one.clientWidth + 1)
    || (hides(style.overflowY) && one.scrollHeight > one.clientHeight + 1);
}).map(one => one.outerHTML.slice(0, 90))"""


@cache
def shots() -> Path:
    """Where the pictures go: outside of the repository."""
    named = os.environ.get(SHOTS)
    place = Path(named) if named else Path(tempfile.mkdtemp(prefix="checkweigh-shots-"))
    place.mkdir(parents=True, exist_ok=True)
    return place


def settled(page):
    """Wait until everything is there that the page names: fonts, pictures far down, charts that are drawn. Needs scripts."""
    page.evaluate("async () => { await document.fonts.ready; await new Promise(requestAnimationFrame); }")
    for figure in page.locator("figure[data-spec]").all():
        figure.scroll_into_view_if_needed()
        expect(figure).to_have_class(re.compile("drawn"), timeout=PATIENCE_MS)
    page.evaluate("scrollTo(0, 0)")


def picture(page, name, look):
    """A picture of the whole page; it is not blank."""
    path = shots() / f"{re.sub('[^a-z0-9]+', '-', name.lower()).strip('-') or 'board'}.{look.replace(' ', '-')}.png"
    page.screenshot(path=path, full_page=True)
    assert path.stat().st_size > LEAST_BYTES, f"{path} is blank"


def fits(page):
    """Nothing sticks out of the page, no text is cut, and it says something."""
    assert not page.evaluate(STICKS_OUT)
    assert not page.evaluate(CUT)
    assert len(page.get_by_role("main").inner_text()) > 40


def accessible(page):
    """Axe finds nothing, of the standards or of what is good practice."""
    found = Axe().run(page).response["violations"]
    assert not found, "\n".join(
        f"{one['id']} ({one['impact']}): {one['help']}: " + " | ".join(node["html"][:120] for node in one["nodes"][:3])
        for one in found
    )
