"""Settings: complete example, clear errors, environment over file."""

import re
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest

from publisher.config import ChannelSettings, ConfigError, LogSettings, ServerSettings, load

EXAMPLE = Path(__file__).parent.parent / "config.example.toml"


@pytest.fixture
def write(tmp_path):
    def put(text):
        path = tmp_path / "config.toml"
        path.write_text(text)
        return path

    return put


@pytest.mark.parametrize(
    ("table", "model"),
    [("server", ServerSettings), ("log", LogSettings), ("channels.harbour", ChannelSettings)],
)
def test_the_example_holds_every_setting_with_its_default_and_a_line_about_it(table, model):
    text = EXAMPLE.read_text()
    section = re.search(rf"^\[{re.escape(table)}\]\n(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)[1]
    shown = tomllib.loads(section)
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    assert shown.keys() == fields.keys()
    for key, field in fields.items():
        assert re.search(rf"^# [A-Z].*\n{key} = ", section, re.MULTILINE | re.IGNORECASE), f"no line about {key}"
        if not field.is_required() and key != "timestamps":
            given = model.model_validate(
                {"source": "x"} | {key: shown[key]} if table.startswith("ch") else {key: shown[key]}
            )
            assert getattr(given, next(n for n, f in model.model_fields.items() if f is field)) == field.get_default()


def test_the_example_can_be_used():
    chosen = load(EXAMPLE)
    assert chosen.channels["harbour"].dates == "shifted"


def test_environment_variables_win(write, monkeypatch):
    path = write('[server]\nport = 8001\nhost = "::1"\n[channels.a]\nsource = "a.txt"\n')
    monkeypatch.setenv("NEWSREEL_SERVER__PORT", "9000")
    chosen = load(path)
    assert (chosen.server.port, chosen.server.host) == (9000, "::1")


def test_values_as_people_write_them(write):
    channel = load(
        write('[channels.a]\nsource="a"\nspeed="600x"\nfrom="21:30"\nmax_gap="1h30m"\nloop_pause="2m"\n')
    ).channels["a"]
    assert channel.speed == 600
    assert channel.begin.clock.hour == 21
    assert (channel.max_gap, channel.loop_pause) == (timedelta(minutes=90), timedelta(minutes=2))


def test_archives_keep_the_dates_of_the_story_unless_told_otherwise(write):
    text = '[channels.a]\nsource="a"\nmode="archive"\n'
    assert load(write(text)).channels["a"].dates == "original"
    assert load(write(text + 'timestamps="shifted"\n')).channels["a"].dates == "shifted"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '[server]\nprot = 1\n[channels.a]\nsource="a"',
            r"config.toml:2: server.prot: unknown key; did you mean 'port'\?",
        ),
        (
            '[channels.a]\nsource="a"\nspede = 2',
            r"config.toml:3: channels.a.spede: unknown key; did you mean 'speed'\?",
        ),
        ('[chanels.a]\nsource="a"', r"chanels: unknown key; did you mean 'channels'\?"),
        ('[channels.a]\nsource="a"\nspeed = 0', r"config.toml:3: channels.a.speed: '0' is no speed"),
        ('[channels.a]\nsource="a"\nfrom = "noon"', r"channels.a.from: 'noon' is no moment"),
        ('[channels.a]\nsource="a"\nmode = "live!"', r"config.toml:3: channels.a.mode: .*'replay' or 'archive'"),
        ("[channels.a]\nmode = 'replay'", r"config.toml:1: channels.a.source: Field required|channels.a.source"),
        ('[channels.healthz]\nsource="a"', r"'healthz' cannot be a channel's path"),
        ('[channels.A]\nsource="a"', r"'A' cannot be a channel's path"),
        ("", "there is no channel"),
        ("[server", r"config.toml: no valid TOML"),
        (
            '[server]\npublic_url="news.example"\n[channels.a]\nsource="a"',
            "server.public_url: 'news.example' is no web",
        ),
    ],
)
def test_errors_say_what_where_and_how_to_mend(write, text, told):
    with pytest.raises(ConfigError, match=told) as error:
        load(write(text))
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 2


def test_a_missing_file(tmp_path):
    with pytest.raises(ConfigError, match=r"config[.]example[.]toml"):
        load(tmp_path / "none.toml")
