"""What whoever runs a board decides: file, environment and command line, each in its turn, and no setting that does not exist."""

import pytest
from docs.generate import pages

from checkweigh.errors import Refused
from checkweigh.web.settings import PREFIX, SECRET, Settings, settings_from, shape


@pytest.fixture
def file(tmp_path):
    """A file of settings."""

    def write(text):
        path = tmp_path / "board.toml"
        path.write_text(text)
        return path

    return write


def test_the_command_line_goes_before_the_environment_and_that_before_the_file(file):
    path = file('title = "North pit"\nport = 1\nhost = "::1"\nsession_hours = 3')
    environment = {"CHECKWEIGH_PORT": "2", "CHECKWEIGH_HOST": "::", "CHECKWEIGH_PROXIES": "127.0.0.1, 10.0.0.0/8"}
    found = settings_from(path, environment, {"port": 3, "host": None})
    assert (found.title, found.port, found.host, found.session_hours) == ("North pit", 3, "::", 3)
    assert found.proxies == ("127.0.0.1", "10.0.0.0/8")
    assert settings_from(None, {}) == Settings()


def test_the_environment_is_read_as_text(file):
    told = {"CHECKWEIGH_TITLE": "1935", "CHECKWEIGH_READ_ONLY": "true", "CHECKWEIGH_STOP_SECONDS": "2.5"}
    found = settings_from(None, told)
    assert (found.title, found.read_only, found.stop_seconds) == ("1935", True, 2.5)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('titel = "x"', "board.toml: titel is not a setting; did you mean title?"),
        ("colour = 1", "there are title, host, port"),
        ('port = "8"', "port = '8': it must be a whole number, at least 0, at most 65535"),
        ("port = 65536", "port = 65536"),
        ("port = true", "port = True"),
        ('visitors = "all"', "it must be board, everything or nothing"),
        ("session_hours = 0", "it must be a number, above 0"),
        ("session_hours = nan", "session_hours = nan"),
        ("stop_seconds = inf", "stop_seconds = inf"),
        ('proxies = "127.0.0.1"', "it must be a list of texts"),
        ('proxies = ["the proxy"]', "'the proxy' is neither an address nor a network"),
        ('public_address = "board.example"', "is not an address such as https://board.mine.example"),
        ("title = ", "is not TOML"),
        ("[" * 9999, "is not TOML"),
    ],
)
def test_what_a_file_must_not_say_is_refused(file, text, reason):
    with pytest.raises(Refused) as refused:
        settings_from(file(text), {})
    assert reason in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(Refused, match="cannot be read"):
        settings_from(tmp_path / "none.toml", {})


def test_a_misspelt_variable_is_refused_and_those_of_others_are_left_alone():
    with pytest.raises(Refused, match="CHECKWEIGH_PORTS is not a setting; did you mean CHECKWEIGH_PORT"):
        settings_from(None, {"CHECKWEIGH_PORTS": "1"})
    others = {"CHECKWEIGH_KEY": "k", "CHECKWEIGH_BESIDE": "b", "CHECKWEIGH_REQUIRE_ALL": "1", "PORT": "x"}
    assert settings_from(None, others) == Settings()


@pytest.mark.parametrize("name", sorted(SECRET))
def test_a_secret_is_not_repeated(file, name):
    with pytest.raises(Refused) as refused:
        settings_from(file(f"{name} = 4711"), {})
    assert "4711" not in str(refused.value)


def test_the_reference_has_every_setting():
    page = pages()["settings.md"].partition("# Settings of a board")[2]
    for name in Settings.__dataclass_fields__:
        entry = page.partition(f"## {name}\n")[2].partition("\n## ")[0]
        assert f"`{PREFIX}{name.upper()}`: {shape(name)}" in entry and len(entry.split("\n\n")[1]) > 20, name
