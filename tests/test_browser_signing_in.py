"""Signing in with a browser, as people do it: the form, where it leads, one's own account, and the refusals."""

import re

import pytest

import looking
from web import PASSWORD, account

OTHER = "other words in a row"


@pytest.fixture
def door(served, ledger):
    """A board that asks in earnest, and who may come in."""
    account(ledger, "supervisor", "anna", site="north")
    return served(ledger, signing_in=True)


@pytest.mark.parametrize("scripts", [True, False])
def test_signing_in_leads_back_to_where_one_was_and_out_again(browse, door, scripts):
    page = browse(door, scripts=scripts)
    page.goto("/quotas")
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Name").fill("Anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile("/quotas$"))
    page.get_by_role("link", name="anna supervisor").click()
    page.get_by_text("You enter shifts, counts, trainings and incidents of your own site.").wait_for()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="Sign in").wait_for()
    page.goto("/sign-in")  # the board's page listens for news, which the end of the test would cut off


def test_a_wrong_password_is_told_beside_the_form_and_nobody_comes_in(browse, door):
    browse.meant("401")
    page = browse(door, look="phone")
    page.goto("/sign-in")
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Password").fill("wrong horse here")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").get_by_text("The name or the password is not right.").wait_for()
    assert page.get_by_label("Name").input_value() == "anna" and page.get_by_label("Password").input_value() == ""
    looking.picture(page, "/sign-in refused", "phone")
    looking.fits(page)
    looking.accessible(page)


@pytest.mark.parametrize("look", ["light", "phone dark"])
def test_the_page_of_ones_account_is_accessible_and_changes_the_password(browse, door, look):
    elsewhere = browse.signed_in(door, "anna", PASSWORD)
    page = browse.signed_in(door, "anna", PASSWORD, look=look)
    page.goto("/account")
    looking.settled(page)
    looking.picture(page, "/account signed in", look)
    looking.fits(page)
    looking.accessible(page)
    page.get_by_label("Old password").fill(PASSWORD)
    page.get_by_label("New password").fill(OTHER)
    page.get_by_label("The same again").fill(OTHER)
    page.get_by_role("button", name="Change it").click()
    page.get_by_role("status").get_by_text("The password is changed.").wait_for()
    browse.meant("401")
    elsewhere.goto("/account")
    elsewhere.get_by_text("your session has ended; sign in again").wait_for()
    elsewhere.wait_for_url(re.compile(r"/sign-in\?next=%2Faccount$"))


def test_what_only_those_who_have_signed_in_may_see_leads_there_after_signing_in(browse, door):
    browse.meant("401")
    page = browse(door)
    page.goto("/enter")
    page.get_by_role("main").get_by_role("link", name="Sign in").click()
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile("/enter$"))
