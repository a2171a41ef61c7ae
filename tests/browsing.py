"""A browser for tests: the system's Chromium, driven by Playwright, looking at a board that really listens.

    def test_a_filter_stands_in_the_address(browse, hall):
        page = browse(hall, "supervisor", look="phone")
        page.goto("/")

`browse(site, role)` gives a page of a browser profile of its own, in which somebody of that role has signed in; `look` is one of
LOOKS, `scripts=False` turns scripts off. What no user should meet fails the test at its end: an error on the console (what the
content security policy stops is one), a script that fails, a request to another host. An error that is meant, such as the 403
of a refusal, is named beforehand: `browse.meant("403")`.
"""

import re
import shutil
import socket
import threading
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from playwright.sync_api import sync_playwright

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
PATIENCE_MS = 10_000
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
    """A board that listens on a free port, in a thread of its own: `address`, and `accounts`, role -> (name, password)."""

    def __init__(self, application, accounts=None):
        self.accounts = accounts or {}
        self.application = application
        self.states = {}
        at = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{at.getsockname()[1]}"
        config = uvicorn.Config(application, log_level="error", ws="none", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [at]})
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the board did not start"
            threading.Event().wait(0.01)

    def stop(self):
        """Stop it; what it was answering is answered."""
        self._server.should_exit = True
        self._thread.join()


class Browse:
    """Opens pages in profiles of their own, and keeps what no user should meet."""

    def __init__(self, browser):
        self._browser = browser
        self._contexts = []
        self._meant = []
        self._met = []

    def __call__(self, site, role=None, *, look="light", scripts=True, **options):
        """A page of `site` as somebody of a role sees it; relative addresses are the site's. `options` go to the browser's context."""
        address = site if isinstance(site, str) else site.address
        if role is not None:
            options["storage_state"] = self._signed_in(site, role)
        context = self._context(address, **LOOKS[look], java_script_enabled=scripts, **options)
        return context.new_page()

    def meant(self, *patterns):
        """These errors (a part of their text, as a regular expression) are what the test is about."""
        self._meant += patterns

    def _context(self, address, **options):
        context = self._browser.new_context(
            base_url=address, locale="en-GB", timezone_id="UTC", reduced_motion="reduce", **options
        )
        context.set_default_timeout(PATIENCE_MS)
        context.on(
            "console",
            lambda said: said.type == "error" and self._met.append(f"console: {said.text} ({said.location['url']})"),
        )
        context.on("weberror", lambda error: self._met.append(f"script: {error.error}"))
        context.on("request", lambda asked: self._asked(address, asked.url))
        self._contexts.append(context)
        return context

    def _asked(self, address, url):
        if not url.startswith(OURS) and urlsplit(url).netloc != urlsplit(address).netloc:
            self._met.append(f"another host: {url}")

    def _signed_in(self, site, role):
        """The cookies of somebody of a role, who has signed in by the form, once for each site."""
        if role not in site.states:
            name, password = site.accounts[role]
            page = self._context(site.address).new_page()
            page.goto("/sign-in")
            page.get_by_label("Name").fill(name)
            page.get_by_label("Password").fill(password)
            page.get_by_role("main").get_by_role("button", name="Sign in").click()
            page.wait_for_url(lambda url: urlsplit(url).path != "/sign-in")
            site.states[role] = page.context.storage_state()
            page.context.close()
        return site.states[role]

    def close(self):
        """Close every page, and fail for what was met and not meant."""
        for context in self._contexts:
            context.close()
        met = [said for said in self._met if not any(re.search(pattern, said) for pattern in self._meant)]
        assert not met, "no user should meet:\n" + "\n".join(dict.fromkeys(met))
