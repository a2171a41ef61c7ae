"""The frame of the browser tests can fail: what no user should meet is met, and told."""

from http.server import BaseHTTPRequestHandler

import pytest

import browsing
from serving import listening

POLICY = "default-src 'self'"
PAGES = {
    "/favicon.ico": "-",
    "/fine": "<p>All is well</p>",
    "/inline": "<p style='color:red'>painted</p>",
    "/abroad": "<img src='http://other.example/x.png' alt=''>",
    "/thrown": "<script src='/thrown.js'></script>",
    "/told": "<script src='/told.js'></script>",
    "/thrown.js": "throw new Error('lost the tally')",
    "/told.js": "console.error('the scale is off'); document.title = matchMedia('(prefers-color-scheme: dark)').matches",
}


@pytest.fixture(scope="module")
def site():
    """A few pages, most of them as they must not be."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            text = PAGES.get(self.path, "<p>There is nothing here</p>")
            self.send_response(200 if self.path in PAGES else 404)
            self.send_header("Content-Type", "text/javascript" if self.path.endswith(".js") else "text/html")
            self.send_header("Content-Security-Policy", POLICY)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *given):
            """Nobody reads it."""

    with listening(Handler) as address:
        yield address


def met(chromium, site, path, *meant, **options):
    """What a visit of a page ends with."""
    browse = browsing.Browse(chromium)
    browse.meant(*meant)
    page = browse(site, **options)
    page.goto(path)
    title = page.title()
    try:
        browse.close()
    except AssertionError as error:
        return str(error)
    return title


def test_what_no_user_should_meet_fails_a_test(chromium, site):
    assert met(chromium, site, "/fine") == ""
    assert "Content Security Policy" in met(chromium, site, "/inline")
    assert "another host: http://other.example/x.png" in met(chromium, site, "/abroad", "Content Security")
    assert "lost the tally" in met(chromium, site, "/thrown")
    assert "the scale is off" in met(chromium, site, "/told")
    assert "404" in met(chromium, site, "/nowhere")


def test_an_error_that_is_meant_is_none_and_looks_and_scripts_are_as_told(chromium, site):
    assert met(chromium, site, "/nowhere", "404") == ""
    assert met(chromium, site, "/told", "the scale", look="phone dark") == "true"
    assert met(chromium, site, "/told", "the scale", look="phone") == "false"
    assert met(chromium, site, "/told", scripts=False) == ""


def test_a_page_is_seen_by_whoever_the_test_says(browse, served, ledger):
    site = served(ledger, title="North pit")
    page = browse(site, "supervisor", look="phone")
    page.goto("/")
    assert "North pit" in page.title() and page.get_by_role("link", name="supervisor").is_visible()
    visitor = browse(site)
    visitor.goto("/")
    assert visitor.get_by_role("link", name="Sign in").is_visible()


def test_the_board_of_the_demonstration_can_be_looked_at(browse, demonstration):
    page = browse(demonstration, look="dark")
    page.goto("/")
    assert page.get_by_text("A demonstration").is_visible()
    assert page.get_by_role("main").get_by_text("Stakhanov").first.is_visible()


KEPT = """async () => {
  const found = await indexedDB.databases(), caches = await window.caches.keys();
  return [localStorage.length, found.length, caches.length];
}"""


def test_whoever_is_given_a_profile_again_finds_nothing_of_the_test_before(chromium, inhabited):
    before, profiles = browsing.Browse(chromium), []
    page = before(inhabited, "verifier")
    page.goto("/quotas")
    profiles.append(page.context)
    page.evaluate(
        "async () => { localStorage.setItem('kept', '1'); indexedDB.open('kept', 1); await caches.open('kept'); }"
    )
    assert page.evaluate(KEPT) == [1, 1, 1] and page.get_by_role("link", name="verifier").is_visible()
    page.emulate_media(media="print")
    other = before(inhabited, "auditor")
    other.goto("/quotas")
    assert other.context is not page.context and other.get_by_role("link", name="auditor").is_visible()
    other.evaluate("console.error('the scale is off')")
    profiles.append(other.context)
    with pytest.raises(AssertionError, match="the scale is off"):
        before.close()
    again = browsing.Browse(chromium)
    for _ in profiles:
        page = again(inhabited)
        page.goto("/quotas")
        assert page.context in profiles and len(page.context.pages) == 1
        assert page.get_by_role("link", name="Sign in").is_visible() and page.evaluate(KEPT) == [0, 0, 0]
        assert not page.evaluate("matchMedia('print').matches")
    again.close()
