"""Opening sources: encodings, formats, refusals, ids."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from publisher.render.report import report
from publisher.sources.minting import Mint
from publisher.sources.opening import FORMATS, read
from publisher.sources.reading import SourceError
from shared.errors import UsageError

PAGE = "8:02 p.m. ET, March 3, 2024\n\nCafé “Écluse” opens\n\nThe gates — both — were shut.\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_needs_no_doubt(encoding):
    reading = read(PAGE.encode(encoding), "page.txt")
    assert [post.title for post in reading.posts] == ["Café “Écluse” opens"]
    assert reading.doubts == ()


@pytest.mark.parametrize("mark", [b"\xfe\xff", b"\xff\xfe"])
def test_utf_16_of_both_orders(mark):
    data = mark + PAGE.encode("utf-16-be" if mark == b"\xfe\xff" else "utf-16-le")
    assert report(read(data, "page.txt")) == report(read(PAGE.encode(), "page.txt"))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_its_mark_is_known_by_its_zeros(encoding):
    reading = read(PAGE.encode(encoding), "page.txt")
    assert reading.posts == read(PAGE.encode(), "page.txt").posts
    assert [doubt.code for doubt in reading.doubts] == ["encoding-guessed"]


def test_other_encodings_are_taken_for_windows_1252_with_a_doubt():
    reading = read(PAGE.encode("cp1252"), "page.txt")
    assert reading.posts[0].title == "Café “Écluse” opens"
    assert [(d.code, d.line) for d in reading.doubts] == [("encoding-guessed", 3)]


def test_bytes_that_windows_1252_lacks_are_taken_for_latin_1():
    reading = read(PAGE.encode("cp1252") + b"\x81\n", "page.txt")
    assert "Latin-1" in reading.doubts[0].message


def test_a_stray_control_character_is_dropped():
    assert "\0" not in read(PAGE.replace("both", "b\0oth").encode(), "page.txt").posts[0].content_html


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b" \n\xc2\xa0\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (bytes(range(256)) * 40, "binary"),
        (PAGE.encode("utf-32-le"), "binary"),
        (b"\0" * 5000, "binary"),
        (b'{"a": ' * 10_000 + b"1" + b"}" * 10_000, "cannot be read: it is nested too deeply"),
        (b'{"id": "1", "x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", "cannot be read: it is nested too deeply"),
        (b'{"id": "1",\n', "begins as JSON and cannot be read: Expecting"),
        (b'{"id": "1"}', "is JSON, but no posts"),
        (b"\xff\xfe\x00\xd8\n", "UTF-16"),
        (b"<!DOCTYPE html><html><p>Nothing here has a time.", "no LiveBlogPosting"),
        (b"<?xml version='1.0'?>\n" + PAGE.encode(), "markup"),
        (b"Dear all,\n\nno post in here.\n", "no post found"),
        (b"8:02 p.m. ET, March 3, 2024\n\n", "no time line has a post"),
    ],
)
def test_refusals_are_one_line_with_name_and_mend(data, word):
    with pytest.raises(SourceError, match=word) as refusal:
        read(data, "page.txt")
    message = str(refusal.value)
    assert message.startswith("page.txt") and "\n" not in message
    assert isinstance(refusal.value, UsageError) and refusal.value.exit_code == 2


def test_a_format_can_be_asked_for_by_name():
    assert read(b"<html>\n" + PAGE.encode(), "page.txt", format="transcript").format == "transcript"
    with pytest.raises(SourceError, match="choose one of: " + ", ".join(f.name for f in FORMATS)):
        read(PAGE.encode(), "page.txt", format="scroll")


def test_an_id_is_the_utc_minute_and_words_of_the_headline():
    mint = Mint()
    moment = datetime(2023, 1, 31, 19, 42, 59, tzinfo=timezone(timedelta(hours=-5)))
    assert mint.id(moment, "Über “Alpha” & 2.5 beta") == "20230201T0042Z-uber-alpha-2-5-beta"


def test_ties_are_numbered_from_the_oldest_and_never_meet_other_words():
    mint = Mint()
    moment = datetime(2023, 2, 1, tzinfo=UTC)
    ids = [mint.id(moment, words) for words in ("Goal", "Goal 2", "Goal", "Goal", "Goal 2", "…", "")]
    assert ids[:3] == ["20230201T0000Z-goal", "20230201T0000Z-goal-2", "20230201T0000Z-goal--2"]
    assert ids[-2:] == ["20230201T0000Z-post", "20230201T0000Z-post--2"]
    assert len(set(ids)) == len(ids)


def test_an_id_is_short_whatever_the_headline():
    assert len(Mint().id(datetime(2023, 2, 1, tzinfo=UTC), "word " * 1_000_000)) < 80


def test_markup_says_its_encoding():
    words = "\u043e\u0431\u0430"  # "both" in Russian
    text = PAGE.replace("both", words).replace("é", "e").replace("É", "E")
    page = f'<html><head><meta charset="windows-1251"></head><body><pre>{text}</pre></body></html>'
    reading = read(page.encode("windows-1251"), "page.html")
    assert words in "".join(post.content_html for post in reading.posts)
    assert not [doubt for doubt in reading.doubts if doubt.code == "encoding-guessed"]
