"""Entering with scripts off: the forms of writers, each sent by a real browser; those of the trial are in test_browser_trial.py."""

import json

from web import somebody

ANNA = somebody("supervisor", "anna", site="north")
ROWS = "worker,job,site,started,quantity\nada,hew,north,2025-12-01 06:00,8\nnobody,hew,north,2025-12-02 06:00,9\n"


def last(ledger):
    """The newest entry."""
    return json.loads(ledger.entry(ledger.size - 1))


def send(page, name):
    page.get_by_role("main").get_by_role("button", name=name).click()


def test_a_shift_an_incident_and_a_file_are_entered(browse, served, pit, tmp_path):
    page = browse(served(pit), ANNA, scripts=False)
    page.goto("/enter")
    page.get_by_label("Who", exact=True).fill("bo")
    page.get_by_label("Job").select_option("hew")
    page.get_by_label("Quantity").fill("14")
    page.get_by_label("Started").fill("2025-12-30T06:00")
    send(page, "Enter the shift")
    assert "attainment 2" in page.locator("#done").inner_text()
    assert (last(pit)["worker"], last(pit)["by"]) == ("bo", "account:anna")

    page.goto("/enter/incident")
    page.get_by_label("Day", exact=True).fill("2025-12-30")
    page.get_by_label("How bad").fill("bruise")
    page.get_by_label("Days lost").fill("0")
    send(page, "Enter it")
    assert "Entered: entry" in page.get_by_role("status").inner_text() and last(pit)["severity"] == "bruise"

    path = tmp_path / "week.csv"
    path.write_text(ROWS)
    page.goto("/enter/file")
    page.get_by_label("File", exact=True).set_input_files(path)
    send(page, "Read it, without entering it yet")
    page.get_by_text("1 of 2 rows would be refused").wait_for()
    send(page, "Enter the 1 good row only")
    page.get_by_text("1 of 2 rows is in the ledger now").wait_for()
    assert last(pit)["quantity"] == "8"


def test_a_refused_form_comes_back_with_what_was_written_and_why(browse, served, pit):
    browse.meant("422")
    size = pit.size
    page = browse(served(pit), ANNA, scripts=False)
    page.goto("/enter")
    page.get_by_label("Who", exact=True).fill("nobody")
    page.get_by_label("Job").select_option("hew")
    page.get_by_label("Quantity").fill("14")
    page.get_by_label("Started").fill("2025-12-30T06:00")
    send(page, "Enter the shift")
    assert "is nobody known to this ledger" in page.locator("#e-who").inner_text()
    assert page.get_by_label("Quantity").input_value() == "14" and pit.size == size
