"""The pages of a worker and a crew, and Find: figures, honours and their basis, lineage, what sources say, and who may know a name."""

import re
from html import unescape
from urllib.parse import quote

import pytest

from checkweigh import erasing
from checkweigh.ledger import Ledger
from checkweigh.people import People
from checkweigh.render import text
from checkweigh.web import biography, lineage, pictures
from conftest import EDGE, added, founded, shift
from test_web_shift import EVIL, plain
from web import board, somebody

# ---- what sources say, and who taught whom: as plain functions


def fact(entry, field, value, *cites):
    return {"entry": entry, "field": field, "value": value, "cites": list(cites) or None}


def test_sources_disagree_where_none_of_them_says_both():
    birth, posts, mixed = biography.fields(
        [
            fact(1, "birthplace", "Oryol", "times"),
            fact(2, "post", "director", "times"),
            fact(3, "post", "official", "times"),
            fact(4, "birthplace", "Ukraine", "web"),
            fact(5, "born", "1906", "times", "web"),
            fact(6, "born", "1905", "web"),
        ]
    )
    assert (birth.disagree, posts.disagree, mixed.disagree) == (True, False, False)
    assert [(value.value, value.sources) for value in birth.values] == [("Oryol", ("times",)), ("Ukraine", ("web",))]


def test_the_age_that_follows_from_two_days_stands_beside_the_one_that_is_stated():
    facts = [
        fact(1, "born", "1906-01-03", "times"),
        fact(2, "died", "1977-11-05", "times"),
        fact(3, "age at death", "72", "web"),
    ]
    age = biography.fields(facts)[-1]
    assert age.disagree and [value.value for value in age.values] == ["72", "71"]
    assert age.values[1].reckoned == "born 1906-01-03, died 1977-11-05" and age.values[1].sources == ("times",)
    facts[2] = fact(3, "age at death", "71", "web")
    assert not biography.fields(facts)[-1].disagree
    assert biography.age_on("1906-01-03", "1977-01-02") == 70 and biography.age_on("1906", "1977-01-02") is None
    assert len(biography.fields(facts[:2])) == 2, "where nobody states an age, none is made up"


def taught(*pairs):
    """Trainings as (trainer, trainee), and how to look them up."""
    rows = [
        {
            "trainer": trainer,
            "trainee": trainee,
            "course": f"lesson {number}",
            "practice": None,
            "on": None,
            "entry": number,
        }
        for number, (trainer, trainee) in enumerate(pairs)
    ]
    asked = []

    def look(name):
        return lambda ids: asked.append(ids) or [row for row in rows if row[name] in ids]

    return look, asked


def shape(lessons):
    return [(one.person, one.again, shape(one.below)) for one in lessons]


def test_lineage_is_a_tree_generation_by_generation():
    look, asked = taught(("ada", "bo"), ("ada", "cy"), ("bo", "di"), (None, "ada"))
    assert shape(lineage.tree("ada", "trainee", look("trainer"))) == [
        ("bo", False, [("di", False, [])]),
        ("cy", False, []),
    ]
    assert asked == [["ada"], ["bo", "cy"], ["di"]]
    assert shape(lineage.tree("di", "trainer", look("trainee"))) == [
        ("bo", False, [("ada", False, [(None, False, [])])])
    ]


def test_a_circle_of_trainers_ends_and_nobody_is_followed_twice():
    look, _ = taught(("ada", "bo"), ("bo", "ada"), ("ada", "cy"), ("bo", "cy"), ("cy", "di"), ("ada", "ada"))
    found = lineage.tree("ada", "trainee", look("trainer"))
    assert shape(found) == [
        ("bo", False, [("ada", True, []), ("cy", True, [])]),
        ("cy", False, [("di", False, [])]),
        ("ada", True, []),
    ]
    assert lineage.people(found) == {"ada", "bo", "cy", "di"}


def test_two_lessons_from_the_same_trainer_both_stand():
    look, _ = taught(("ada", "bo"), ("ada", "bo"), ("bo", "cy"))
    assert shape(lineage.tree("ada", "trainee", look("trainer"))) == [
        ("bo", False, [("cy", False, [])]),
        ("bo", False, []),
    ]


def test_a_long_line_of_teachers_is_cut():
    look, asked = taught(*((f"w{number}", f"w{number + 1}") for number in range(50)))
    lineage.tree("w0", "trainee", look("trainer"))
    assert len(asked) == lineage.GENERATIONS


# ---- the pages


def test_stakhanovs_page_shows_what_disagrees_side_by_side(demo):
    page = demo.get("/workers/stakhanov")
    said = plain(page)
    places = page.text.partition("<h3>Birthplace</h3>")[2].partition("</section>")[0]
    assert re.findall(r"<blockquote><p>([^<]+)", places) == ["Oryol province", "the coal-mining region of Ukraine"]
    assert "The Moscow Times" in places and "a web article" in places
    ages = page.text.partition("<h3>Age at death</h3>")[2].partition("</section>")[0]
    assert re.findall(r"<blockquote><p>([^<]+)", ages) == ["72", "71"] and "Reckoned from born 1906-01-03" in ages
    assert "sources disagree" not in said.lower().replace("where sources disagree", "")
    assert "the jackhammer , from whom is not stated" in said and "mining , from whom is not stated" in said
    assert "director of a mine" in page.text.partition("What sources say")[2]


def test_stakhanovs_honours_say_what_they_rest_on(demo):
    said = plain(demo.get("/workers/stakhanov"))
    assert "basis lost Single-handed record : quantity 102, 31 August 1935" in said
    assert "on the figures as judged since it does not" in said
    assert "granted Hero of Socialist Labour Granted" in said and "the ledger names no shift that it was for" in said
    assert "earned Single-handed record : quantity 175, September 1935" in said, "nobody knows the day"
    early = plain(demo.get("/workers/stakhanov?at=1936-12-31"))
    assert (
        "basis lost" not in early
        and "birthplace" not in early.lower()
        and "earned Single-handed record : quantity 102" in early
    )


def test_the_table_holds_the_figures_of_the_derivation_the_newest_first(demo):
    page = demo.get("/workers/stakhanov").text
    table = page.partition("the newest first")[2].partition("</table>")[0]
    cells = [
        [re.sub("<[^>]+>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)]
        for row in table.split("<tr>")[2:]
    ]
    rows = demo.live.now().rows("attainment", {"worker": "stakhanov"}, order=["-started"])
    names = ("id", "quantity", "expected", "attainment", "labour_attainment", "status")
    assert [row[1:] for row in cells] == [[text(row[name]) for name in names] for row in rows] and len(cells) == 4
    assert cells[2][0] == "September 1935"


def test_the_picture_of_a_page_can_be_drawn(demo):
    for address in ("/workers/stakhanov", "/crews/vinogradovas"):
        [spec] = re.findall(r'data-spec="([^"]+)"', demo.get(address).text)
        rows = max(demo.get(unescape(spec)).json()["datasets"].values(), key=len)
        assert len(rows) == 4 and all(row["quantity"] for row in rows)
    assert "output" in pictures._MAKERS


def test_where_somebody_stands_is_fetched_when_asked_for(demo):
    said = demo.get("/workers/stakhanov?part=standing&bare=1").text
    now = demo.live.now()
    months = now.rows("standings", {"party": "stakhanov"}, period="month", scope="worker")
    assert "<html" not in said and all(text(row["attainment"]) in said for row in months)
    assert "rank 1" in said


def test_a_crew_shows_who_it_is(demo):
    said = plain(demo.get("/crews/vinogradovas"))
    assert "E. Vinogradova , M. Vinogradova" in said and "216" in said and "2 members" in said
    assert "Member of E. and M. Vinogradova" in unescape(
        re.sub("<[^>]+>", "", demo.get("/workers/e-vinogradova?part=standing&bare=1").text)
    )


@pytest.fixture
def people(tmp_path):
    """A ledger with a private worker named Grace Miller, payroll 4711; the id is random."""
    with founded(tmp_path / "ledger") as ledger:
        with People.open(ledger.address, create=True) as held:
            with held.enrolling():
                person = held.enrol("4711", "Grace Müller", EDGE.random)
            added(ledger, "worker", id=person.worker, site="north", **{"from": "2025-01-01"}, profile=person.profile)
            held.arrived()
        added(
            ledger, "shift", **shift("one", worker=person.worker, helpers=[{"worker": "ada", "hours": "1"}], hours="6")
        )
        added(ledger, "training", trainee="ada", trainer=person.worker, course="timbering")
        added(
            ledger,
            "incident",
            site="north",
            worker=person.worker,
            on="2025-09-01",
            severity="crushed hand",
            days_lost=12,
        )
        yield ledger, person.worker


PRIVATE = ("Grace", "4711", "crushed hand")


def test_a_private_name_is_for_those_who_may_know_it_and_for_oneself(people):
    ledger, worker = people
    pages = (f"/workers/{worker}", "/shifts/one", "/workers/ada")
    for who in ("visitor", somebody("worker", worker="bo")):
        with board(ledger, who) as client:
            for address in pages[: 3 if who == "visitor" else 1]:
                assert not [word for word in PRIVATE if word in client.get(address).text], address
            assert "Those who may know it see the name here" in client.get(pages[0]).text
    with board(ledger, "supervisor") as client:
        assert all("Grace Müller" in client.get(address).text for address in pages)
        assert "crushed hand, 12 days lost" in client.get(pages[0]).text
    with board(ledger, somebody("worker", worker=worker)) as client:
        assert "Grace Müller" in client.get(pages[0]).text and "crushed hand" in client.get(pages[0]).text


def test_an_erased_worker_shows_no_name_to_anybody(people):
    ledger, worker = people
    added(ledger, "worker", id="cy", site="north", **{"from": "2025-01-01"}, name="Cyril Known")
    size = ledger.size
    for one in (worker, "cy"):
        erasing.erase(ledger, one, "asked for", EDGE)
    with board(ledger, "auditor") as client:
        found = [f"/find?q={word}" for word in ("Cyril", "grace", "4711")]
        for address in (f"/workers/{worker}", "/workers/cy", f"/workers/cy?at={size}", "/shifts/one", *found):
            page = client.get(address)
            assert page.status_code == 200 and "Cyril Known" not in page.text and "Grace Müller" not in page.text, (
                address
            )
        assert "Who this was has been erased on 1 January 2026" in client.get("/workers/cy").text


def test_who_is_not_there_says_what_to_do(demo):
    page = demo.get("/workers/nobody")
    assert page.status_code == 404 and "look for it with Find" in page.text
    assert "there is a crew of that id" in demo.get("/workers/vinogradovas").text
    assert "ask for a later date" in demo.get("/workers/claimant-2010?at=1936-12-31").text


def test_a_long_list_is_paged_by_job(ledger):
    added(ledger, "job", id="haul", name="Hauling", industry="coal", unit="tonne", better="higher")
    with ledger.append(EDGE) as batch:
        for number in range(30):
            batch.add("shift", shift(f"s{number:02}", started=f"2025-08-{number + 1:02}T06:00:00Z"))
        batch.add("shift", shift("haul", job="haul", started="2025-07-01T06:00:00Z"))
    with board(ledger) as client:
        first, second = client.get("/workers/ada?job=hew").text, client.get("/workers/ada?job=hew&page=2").text
        assert (
            "/shifts/s29" in first
            and "/shifts/s05" in first
            and 'rel="next" href="/workers/ada?job=hew&amp;page=2"' in first
        )
        assert (
            "/shifts/s04" in second.partition("</table>")[0] and 'rel="prev"' in second and 'rel="next"' not in second
        )
        assert "/shifts/haul" in client.get("/workers/ada?job=haul").text
        assert (
            client.get("/workers/ada?page=99").status_code == 200
            and client.get("/workers/ada?page=x").status_code == 400
        )
        assert "No shift of theirs is in the ledger of this job" in client.get("/workers/ada?job=nothing").text
        assert "No shift of theirs is in the ledger." in client.get("/workers/bo").text


def test_what_people_wrote_about_people_is_escaped(ledger):
    name = f"a/b {EVIL}"
    added(ledger, "worker", id=name, site="north", **{"from": "2025-01-01"}, name=EVIL)
    added(ledger, "crew", id=name, name=EVIL, members=[name], **{"from": "2025-01-01"})
    added(ledger, "fact", about=name, field=EVIL, value=EVIL)
    added(ledger, "training", trainee=name, trainer=name, course=EVIL)
    with board(ledger) as client:
        for address in (f"/workers/{quote(name)}", f"/crews/{quote(name)}", f"/find?q={quote(EVIL)}", "/find?q=a/b"):
            page = client.get(address)
            assert (
                page.status_code == 200 and "<script>alert" not in page.text and "&lt;script&gt;alert(1)" in page.text
            ), address


# ---- find


def test_find_goes_straight_to_what_is_meant(demo, campaign):
    with Ledger.open(campaign) as ledger:
        [index] = ledger.find("shift", "august")
    places = {"august": "/shifts/august", "stakhanov": "/workers/stakhanov", "vinogradovas": "/crews/vinogradovas"}
    places |= {"hewing": "/quotas/hewing", f" {index} ": f"/ledger/{index}", "kontsedALOV": "/workers/kontsedalov"}
    for word, place in {**places, "crew-6": "/shifts/crew-640"}.items():
        answer = demo.get("/find", params={"q": word}, follow_redirects=False)
        assert (answer.status_code, answer.headers.get("location")) == (303, place), word


def test_find_lists_what_may_be_meant(demo):
    said = plain(demo.get("/find?q=vinogradova"))
    assert "E. Vinogradova worker e-vinogradova" in said and "E. and M. Vinogradova crew vinogradovas" in said
    assert "Nothing is called that" in plain(demo.get("/find?q=xyzzy")) and demo.get("/find").status_code == 200
    assert "Nothing is called that" in plain(demo.get("/find?q=9999999"))


def test_find_knows_private_people_only_for_those_who_may(people):
    ledger, worker = people
    with board(ledger, "manager") as client:
        for word in ("4711", "müller", "GRACE M"):
            answer = client.get("/find", params={"q": word}, follow_redirects=False)
            assert answer.headers.get("location") == f"/workers/{worker}", word
    with board(ledger) as client:
        for word in ("4711", "müller"):
            assert "Nothing is called that" in client.get("/find", params={"q": word}).text
