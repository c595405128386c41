"""Settings: complete example, clear errors, environment over file."""

import re
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest

from publisher.config import (
    ChannelSettings,
    ConfigError,
    LogSettings,
    ServerSettings,
    StreamSettings,
    arguments,
    load,
    web_root,
)

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
    [
        ("server", ServerSettings),
        ("streams", StreamSettings),
        ("log", LogSettings),
        ("channels.harbour", ChannelSettings),
    ],
)
def test_the_example_holds_every_setting_with_its_default_and_a_line_about_it(table, model):
    text = EXAMPLE.read_text()
    section = re.search(rf"^\[{re.escape(table)}\]\n(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)[1]
    shown = tomllib.loads(section)
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    assert shown.keys() == fields.keys()
    for key, field in fields.items():
        assert re.search(rf"^# [A-Z].*\n{key} = ", section, re.MULTILINE | re.IGNORECASE), f"no line about {key}"
        if not field.is_required() and key not in {"timestamps", "source"}:
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


def test_paths_lead_from_the_folder_of_the_configuration(write, tmp_path, monkeypatch):
    path = write(
        '[server]\ntoken_file = "token"\n[channels.a]\nsource = ["a.txt", "/b.txt", "-", "HTTP://c.example"]\n'
    )
    chosen = load(path)
    assert chosen.server.token_file == tmp_path / "token"
    assert chosen.channels["a"].source == (f"{tmp_path}/a.txt", "/b.txt", "-", "HTTP://c.example")
    assert chosen.log.url == f"sqlite:{tmp_path}/newsreel.db"
    for url, found in (("x.db", f"sqlite:{tmp_path}/x.db"), ("/x.db", "sqlite:/x.db"), ("memory:", "memory:")):
        monkeypatch.setenv("NEWSREEL_LOG__URL", url)
        assert load(path).log.url == found
    monkeypatch.delenv("NEWSREEL_LOG__URL")
    monkeypatch.chdir(tmp_path)
    assert load(Path(path.name)).log.url == "sqlite:newsreel.db"


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
        (
            '[channels.a]\nsource="a"\nmode = "live!"',
            r"config.toml:3: channels.a.mode: .*'live', 'replay' or 'archive'",
        ),
        ("[channels.a]\nmode = 'replay'", r"config.toml:1: channels.a: mode is replay, so name a source"),
        ('[channels.a]\nmode = "live"\nsource = ["a", "b"]', r"config.toml:1: channels.a: a live channel watches one"),
        (
            '[channels.a]\nmode = "live"\nsource = "-"',
            r"channels.a: a live channel watches one source, a file or a web",
        ),
        ('[channels.a]\nmode = "live"\nsource = "http://"', r"channels.a: 'http://' is no web address"),
        ('[channels.a]\nmode = "live"\nsource = "a"\nsaved_at = 2026-01-01', r"channels.a: .*leave out saved_at"),
        ('[channels.healthz]\nsource="a"', r"'healthz' cannot be a channel's path: the server has its own there"),
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


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ('[server]\nport = "http"', "config.toml:2: server.port: 'http' is no whole number; write one, such as 100"),
        ("[server]\nport = 1.5", "config.toml:2: server.port: 1.5 is no whole number; write one, such as 100"),
        ("[server]\nport = 99999", "config.toml:2: server.port: 99999 is too large; write 65535 or less"),
        ("[log]\nkeep = -1", "config.toml:2: log.keep: -1 is too small; write 0 or more"),
        (
            '[server]\nmetrics = "maybe"',
            "config.toml:2: server.metrics: 'maybe' is neither true nor false; write one of",
        ),
        ("[server]\nhost = 3", "config.toml:2: server.host: 3 is no text; write it in quotation marks"),
        (
            '[streams]\ndrain_seconds = "x"',
            "config.toml:2: streams.drain_seconds: 'x' is no number; write one, such as",
        ),
        ("[websub]\nhubs = 3", "config.toml:2: websub.hubs: 3 is no list; write it in brackets"),
        ("[server]\ntoken_file = 3", "config.toml:2: server.token_file: 3 is no path; write it in quotation marks"),
        (
            '[channels.x]\nsource = "a"\nlanguage = "so to speak"',
            "channels.x.language: 'so to speak' is no language tag",
        ),
        ("[channels.x]\nsource = []", "channels.x.source: [] is too short; write at least 1"),
        (
            '[log]\nurl = "redis://x"',
            "config.toml:2: log.url: 'redis://x' names no log; use a path, sqlite:PATH or memory:",
        ),
        ("log = 3", "config.toml:1: log: 3 is no table; write its keys below a line with its name in brackets"),
    ],
)
def test_a_value_of_another_kind_is_told_in_plain_words(write, setting, told):
    with pytest.raises(ConfigError, match=re.escape(told)) as error:
        load(write(setting + "\n" + CHANNEL))
    assert "Input should" not in str(error.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(ConfigError, match=r"config[.]example[.]toml"):
        load(tmp_path / "none.toml")


CHANNEL = '[channels.a]\nsource="a"\n'


def test_no_environment_variable_wins_over_what_was_typed(monkeypatch):
    monkeypatch.setenv("NEWSREEL_SERVER__PORT", "9000")
    monkeypatch.setenv("NEWSREEL_CHANNELS__OTHER__SOURCE", "b.txt")
    chosen = arguments({"server": {"port": 8005}, "channels": {"a": {"source": "a.txt"}}}, "replay")
    assert (chosen.server.port, [*chosen.channels]) == (8005, ["a"])


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        (
            "NEWSREEL_SERVER__PORT",
            "x",
            "environment variable NEWSREEL_SERVER__PORT: server.port: 'x' is no whole number",
        ),
        (
            "NEWSREEL_CHANNELS__A__FROM",
            "99:99",
            "environment variable NEWSREEL_CHANNELS__A__FROM: channels.a.from: '99",
        ),
        ("NEWSREEL_SERVER", "no JSON", "environment, table server: .*NEWSREEL_SERVER__PORT=8001"),
        ("NEWSREEL_STREAMS__TRUSTED_PROXIES", "127.0.0.1", "environment, table streams: .* lists with brackets"),
        (
            "NEWSREEL_WEBSUB__HUBS",
            '["ftp://x"]',
            "environment variable NEWSREEL_WEBSUB__HUBS: websub.hubs.0: 'ftp://x'",
        ),
        ("NEWSREEL_SERVR__PORT", "1", "environment variable NEWSREEL_SERVR__PORT: unknown table; did you mean SERVER"),
    ],
)
def test_a_wrong_environment_variable_is_named(write, monkeypatch, variable, value, told):
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=told):
        load(write('[server]\nport = 8001\n[channels.a]\nsource="a"\nfrom="21:30"\n'))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            CHANNEL + '[streams]\ntrusted_proxies=["10.0.0.1/8"]',
            "streams.trusted_proxies.0: '10.0.0.1/8' is no address",
        ),
        (CHANNEL + "[streams]\ndrain_secs=1", "streams.drain_secs: unknown key; did you mean 'drain_seconds'?"),
        (CHANNEL + "max_gap=-5", "channels.a.max_gap: '-5s' is no duration"),
        (CHANNEL + "max_gap=true", "channels.a.max_gap: 'True' is no duration"),
        (CHANNEL + 'loop_pause="0s"', "channels.a.loop_pause: too short; write 1s or more"),
        ('[server]\nheartbeat="0.1s"\n' + CHANNEL, "server.heartbeat: too short; write 1s or more"),
        (CHANNEL + "from={share=5.0}", "channels.a.from: .* is no moment"),
        (CHANNEL + 'begin="21:30"', "channels.a.begin: unknown key"),
        (CHANNEL + "speed=true", "channels.a.speed: 'True' is no speed"),
        ('"a\\nb" = 1\n' + CHANNEL, "a b: unknown key"),
        ("a=" + "[" * 3000, "no valid TOML"),
        ("a=" + "9" * 5000, "no valid TOML"),
    ],
)
def test_strange_values_are_refused_in_one_line(write, text, told):
    with pytest.raises(ConfigError, match=told) as error:
        load(write(text))
    assert "\n" not in str(error.value)


def test_values_as_toml_writes_them(write):
    channel = load(
        write(CHANNEL + "from = 21:30:00\nuntil = 2023-02-01T05:00:00Z\nmax_gap = 90\nloop_pause = 1.5")
    ).channels["a"]
    assert (channel.begin.clock.hour, channel.until.moment.isoformat()) == (21, "2023-02-01T05:00:00+00:00")
    assert (channel.max_gap, channel.loop_pause) == (timedelta(seconds=90), timedelta(seconds=1.5))


def test_a_byte_order_mark_is_no_fault(write):
    assert load(write("\ufeff" + CHANNEL)).channels.keys() == {"a"}


@pytest.mark.parametrize(
    "url",
    ["", "x", "http://", "http://[", "ftp://a.example", "https://a b", "https://a.example/?q=1", "https://a.example/#f",
     "https://a.example:99999", "https://a.example/\nx", "https://me:secret@a.example", 'https://a.example/"'],
)  # fmt: skip
def test_what_is_no_root_of_a_site(url):
    with pytest.raises(ValueError, match="is no"):
        web_root(url)


def test_the_root_of_a_site():
    assert web_root("https://news.example:8443/live/") == "https://news.example:8443/live"
    assert web_root("http://[::1]:8000") == "http://[::1]:8000"
