"""What people write for durations, speeds and moments."""

from datetime import timedelta

import pytest

from publisher.when import When, WhenError, parse_duration, parse_speed, spoken_duration, spoken_speed


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
