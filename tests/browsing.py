"""A browser for tests: the system's Chromium, driven by Playwright, looking at a board that really listens.

    def test_a_filter_stands_in_the_address(browse, served, ledger):
        page = browse(served(ledger), "supervisor", look="phone")
        page.goto("/")

`served(ledger)` is a board of an open ledger that listens on a free port; `demonstration` is the one of 1935, which nobody writes to.
`browse(site, role)` gives a page in a browser profile that nobody else has at the time; `role` may be a `Who` too. On a board that is
shared by many tests the next one is given the same profile, emptied, since a new one costs a second. A cookie stands in for the sign-in,
so that tests need not wait for passwords; with `served(ledger, signing_in=True)` the board asks as it does in earnest, and
`browse.signed_in(site, name, password)` goes through its form. `look` is one of LOOKS, `scripts=False` turns scripts off.

What no user should meet fails the test at its end: an error on the console (what the content security policy stops is one), a script
that fails, a request to another host. An error that is meant, such as the 403 of a refusal, is named beforehand: `browse.meant("403")`.
"""

import re
import shutil
import threading
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from playwright.sync_api import expect, sync_playwright

from checkweigh.listening import listening
from checkweigh.web import application
from checkweigh.web.roles import VISITOR, Who
from checkweigh.web.running import Server
from checkweigh.web.settings import Settings
from web import NOW, somebody

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]  # fmt: skip
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
TOUCHED = {"viewport": PHONE, "is_mobile": True, "has_touch": True}
LOOKS = {
    "light": {"viewport": DESK, "color_scheme": "light"},
    "dark": {"viewport": DESK, "color_scheme": "dark"},
    "phone": {**TOUCHED, "color_scheme": "light"},
    "phone dark": {**TOUCHED, "color_scheme": "dark"},
    "wall": {"viewport": {"width": 1920, "height": 1080}, "color_scheme": "dark"},
}
PATIENCE_MS = 90_000
expect.set_options(timeout=PATIENCE_MS)
OURS = ("data:", "blob:", "about:")


def program() -> str | None:
    """Where the Chromium of this computer is, None without one."""
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    return next((path for path in ("/usr/bin/chromium", *found) if path and Path(path).exists()), None)


@contextmanager
def chromium():
    """A running Chromium."""
    # While it runs, the thread has a running event loop: tests that start one of their own belong into other modules.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Site:
    """A board that listens on a free port, in a thread of its own: `address`, `live`. It may be `shared` by many tests."""

    def __init__(self, ledger, clock=lambda: NOW, signing_in=False, shared=False, **settings):
        self.people, self.shared = {}, shared
        asks = None if signing_in else [standing_in(self.people)]
        decided = Settings(**{"stop_seconds": 1, **settings})
        made = application(ledger, decided, clock, middleware=asks)
        self.application, self.live = made, made.state.live
        at = listening("127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{at.getsockname()[1]}"
        self._server = Server(made, decided, threading.Event())
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [at]})
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the board did not start"
            threading.Event().wait(0.01)

    def as_somebody(self, who):
        """The cookie by which the board takes a browser for a role, or for a `Who`."""
        found = who if isinstance(who, Who) else somebody(who)
        self.people[found.name] = found
        return {"name": "stands-for", "value": quote(found.name), "url": self.address}

    def stop(self):
        """Stop it; what it was answering is answered."""
        self._server.should_exit = True
        self._thread.join()


def standing_in(people):
    """The middleware that believes the cookie."""

    class As(AbstractAuthenticationMiddleware):
        async def authenticate_request(self, connection):
            name = unquote(connection.cookies.get("stands-for", ""))
            return AuthenticationResult(user=people.get(name, VISITOR), auth=None)

    return As


class Profile:
    """A profile of the browser, looking at one board, and what was met in it that no user should meet."""

    def __init__(self, browser, address, options):
        self.context = browser.new_context(
            base_url=address, locale="en-GB", timezone_id="UTC", reduced_motion="reduce", **options
        )
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.set_default_navigation_timeout(2 * PATIENCE_MS)
        self.met = []
        self.context.on("console", lambda said: said.type == "error" and self.met.append(_said(said)))
        self.context.on("weberror", lambda error: self.met.append(f"script: {error.error}"))
        self.context.on("request", lambda asked: self._asked(asked.url))
        self._address = address

    def page(self):
        """A new page; the one that was left from before goes, when its process serves this one."""
        before = list(self.context.pages)
        page = self.context.new_page()
        for one in before:
            one.close()
        return page

    def leave(self):
        """Show nothing and keep nothing: of the pages one stays, which is blank, and nothing is stored."""
        first, *others = self.context.pages or [self.context.new_page()]
        for one in others:
            one.close()
        first.goto("about:blank")
        everything = {"origin": self._address, "storageTypes": "all"}
        self.context.new_cdp_session(first).send("Storage.clearDataForOrigin", everything)

    def _asked(self, url):
        if not url.startswith(OURS) and urlsplit(url).netloc != urlsplit(self._address).netloc:
            self.met.append(f"another host: {url}")


class Profiles:
    """The profiles of a browser: those of boards that are there for many tests are emptied and given out again."""

    def __init__(self, browser):
        self._browser = browser
        self._left = defaultdict(list)

    def take(self, address, kept, options):
        """A profile that nobody has."""
        left = self._left[repr((address, options))] if kept else []
        return left.pop() if left else Profile(self._browser, address, options)

    def give_back(self, profile, address, kept, options):
        """Nobody has it any more."""
        if kept:
            profile.leave()
            self._left[repr((address, options))].append(profile)
        else:
            profile.context.close()


class Browse:
    """Opens pages in profiles of their own, and keeps what no user should meet."""

    def __init__(self, profiles):
        self._profiles = profiles
        self._taken = []
        self._meant = []
        self._met = []

    def __call__(self, site, role=None, *, look="light", scripts=True, **options):
        """A page of `site` as somebody of a role sees it; relative addresses are the site's. `options` go to the browser's context."""
        address = site if isinstance(site, str) else site.address
        asked = address, getattr(site, "shared", False), {**LOOKS[look], "java_script_enabled": scripts, **options}
        profile = self._profiles.take(*asked)
        self._taken.append((profile, asked))
        if role is not None:
            profile.context.add_cookies([site.as_somebody(role)])
        return profile.page()

    def signed_in(self, site, name, password, **options):
        """A page of a board that asks in earnest, after somebody has gone through its form; it shows where that has led."""
        page = self(site, **options)
        page.goto("/sign-in")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(password)
        page.get_by_role("main").get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: urlsplit(url).path != "/sign-in")
        return page

    def meant(self, *patterns):
        """These errors (a part of their text, as a regular expression) are what the test is about."""
        self._meant += patterns

    def leave(self):
        """Close every page."""
        while self._taken:
            profile, asked = self._taken.pop()
            self._profiles.give_back(profile, *asked)
            self._met += profile.met
            profile.met.clear()

    def close(self):
        """Close every page, and fail for what was met and not meant."""
        self.leave()
        met = [said for said in self._met if not any(re.search(pattern, said) for pattern in self._meant)]
        assert not met, "no user should meet:\n" + "\n".join(dict.fromkeys(met))


def _said(message):
    return f"console: {message.text} ({message.location['url']})"
