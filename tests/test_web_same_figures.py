"""The same figure to the last digit: what pages show is what the derivations say, and what derivations say is on a page.

A reader opens every page of the board of 1935 and follows its links. Each long decimal on a page must be one that a derivation gives, and
each figure of a derived table must stand on some page, in the text form that every other face gives it. No link leads nowhere.
"""

import re
from html import unescape
from urllib.parse import urlsplit

import pyarrow as pa
import pytest

import pages
from checkweigh.asking import answer
from checkweigh.derived import DERIVED
from checkweigh.ledger import Ledger
from checkweigh.render import text
from checkweigh.tables import at
from web import board

FOLLOWED = re.compile(r"/(|records|workers|crews|quotas|campaign|on-this-day|trial$)(/[^?#]*)?")
"""Shifts and cases are opened where `pages` gives them as examples: the figures of each stand on the page of its worker or crew too."""
MOST_PAGES = 120
FIGURE = re.compile(r"(?<![\w.,-])\d[\d,]*\.\d{3,}(?![\w.])")
NUMBER = re.compile(r"\d+(?:\.\d+)?")
MARKUP = re.compile(r"<(script|style|svg)\b.*?</\1>|<[^>]+>", re.S)
STANDINGS = [
    {},
    {"period": "all"},
    {"period": "all", "labour": True},
    {"period": "all", "scope": "crew"},
    {"period": "all", "scope": "crew", "labour": True},
    {"period": "year"},
    {"period": "year", "labour": True},
]
"""What is asked of the standings, on the board and of the derivation."""
ASKED = {"standings": STANDINGS}
ADDRESSES = [
    *("/?" + "&".join(f"{name}={'1' if value is True else value}" for name, value in asked.items()) for asked in STANDINGS if asked),
    *(f"/?start={month}" for month in ("1935-08-01", "1935-09-01", "1935-10-01", "1936-02-01")),
    *(f"/?period=year&start={year}-01-01" for year in (1935, 1936)),
]  # fmt: skip


def links(page):
    """Addresses on this board that a page links to, without those that only show another state or order of the same."""
    for found in re.findall(r'<a\b[^>]*\bhref="([^"]+)"', page):
        address = unescape(found).partition("#")[0]
        if address.startswith("/") and FOLLOWED.fullmatch(urlsplit(address).path) and not urlsplit(address).query:
            yield address


@pytest.fixture(scope="module")
def read(campaign):
    """Every page of the board of 1935, by its address, as text; None where there is none."""
    found = {}
    waiting = [page.address for page in pages.every() if page.role == "visitor"] + ADDRESSES
    with board(campaign, "auditor") as client:
        while waiting:
            address = waiting.pop(0)
            if address not in found:
                shown = client.get(address)
                assert shown.status_code in (200, 404), address
                found[address] = unescape(MARKUP.sub(" ", shown.text)) if shown.status_code == 200 else None
                waiting += links(shown.text)
                assert len(found) < MOST_PAGES
    return found


@pytest.fixture(scope="module")
def figures(campaign):
    """Every decimal of every derived table in its text form, by table and column; under `words` those in its sentences."""
    found = {}
    with Ledger.open(campaign) as ledger:
        known = at(ledger, ledger.size)
        for name, derivation in DERIVED.items():
            for asked in ASKED.get(name, [{}]):
                with answer([known], derivation, asked) as reader:
                    rows = reader.read_all()
                for column in rows.column_names:
                    if pa.types.is_string(rows.schema.field(column).type):
                        said = " ".join(rows[column].drop_null().to_pylist())
                        found.setdefault((name, "words"), set()).update(FIGURE.findall(said))
                    if pa.types.is_decimal(rows.schema.field(column).type):
                        values = {text(value) for value in rows[column].drop_null().to_pylist()}
                        found.setdefault((name, column), set()).update(values)
    return found


def test_no_link_leads_nowhere(read):
    assert [address for address, page in read.items() if page is None] == []
    assert len(read) > 30


def test_every_figure_of_every_derived_table_stands_on_a_page(read, figures):
    shown = {number for page in read.values() if page for number in NUMBER.findall(page.replace(",", ""))}
    missing = {where: values - shown for where, values in figures.items() if where[1] != "words" and values - shown}
    assert missing == {}
    assert {name for name, _ in figures} >= set(DERIVED)


def test_every_long_figure_of_every_page_is_that_of_a_derivation(read, figures):
    ours = set().union(*figures.values())
    strange = {}
    for address, page in read.items():
        if found := {number for number in FIGURE.findall(page or "") if number.replace(",", "") not in ours}:
            strange[address] = found
    assert strange == {}
    assert sum(len(FIGURE.findall(page or "")) for page in read.values()) > 100
