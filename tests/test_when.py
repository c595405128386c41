"""What people write for durations, speeds and moments."""

from datetime import datetime, timedelta

import pytest

from publisher.when import When, WhenError, parse_duration, parse_speed, parse_start, spoken_duration, spoken_speed


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("1h30m", 5400), ("2d", 172_800), ("1.5s", 1.5), (" 10m ", 600)]
)
def test_durations(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "30", "m", "5 minutes", "-5m", "1e3s", "५m", "9" * 30 + "d"])
def test_no_durations(text):
    with pytest.raises(WhenError):
        parse_duration(text)


@pytest.mark.parametrize(("text", "speed"), [("60", 60), ("60x", 60), ("0.5", 0.5), ("0.1", 0.1), ("100000", 100_000)])
def test_speeds(text, speed):
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["", "0", "0.05", "100001", "fast", "-1", "nan", "inf"])
def test_no_speeds(text):
    with pytest.raises(WhenError, match=r"0[.]1 to 100000"):
        parse_speed(text)


@pytest.mark.parametrize("text", ["", "yesterday", "25:00", "101%", "+10", "12:60", "-5m"])
def test_no_moments(text):
    with pytest.raises(WhenError):
        When.parse(text)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0s"), (45, "45s"), (720, "12m"), (5400, "1h30m"), (183_600, "2d3h"), (3601, "1h")]
)
def test_durations_as_people_write_them(seconds, said):
    assert spoken_duration(seconds) == said


def test_speeds_as_people_write_them():
    assert spoken_speed(60.0) == "60×"
    assert spoken_speed(0.5) == "0.5×"


@pytest.mark.parametrize(
    ("text", "moment"),
    [("now", None), ("2026-01-31T19:42-05:00", "2026-02-01T00:42:00+00:00"),
     ("2026-01-31 19:42Z", "2026-01-31T19:42:00+00:00")],
)  # fmt: skip
def test_moments_to_start_at(text, moment):
    assert parse_start(text) == (datetime.fromisoformat(moment) if moment else None)


def test_a_moment_without_an_offset_is_meant_in_the_zone_of_the_machine():
    assert parse_start("2026-01-31T19:42") == datetime(2026, 1, 31, 19, 42).astimezone()


@pytest.mark.parametrize("text", ["", "later", "2026-01-31", "21:30", "+10m", "2026-13-01T00:00"])
def test_no_moments_to_start_at(text):
    with pytest.raises(WhenError, match="write now, or a date and time"):
        parse_start(text)
