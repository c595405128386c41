"""Transcripts: the corpus, the examples, the real page, and that nothing vanishes whatever the input."""

import json
import re
import tomllib
from bisect import bisect_left, bisect_right
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.render.report import report
from publisher.sources.opening import read
from publisher.sources.options import Options
from publisher.sources.reading import SourceError
from publisher.sources.transcript.bylines import read_byline
from publisher.sources.transcript.dates import read_day
from publisher.sources.transcript.lines import normal
from publisher.sources.transcript.stamps import read_stamp
from publisher.sources.transcript.zones import find_zone
from shared.text import clean_line

ROOT = Path(__file__).parent.parent
CORPUS = sorted((ROOT / "tests/corpus/transcript").glob("*.txt"))
EXAMPLES = sorted((ROOT / "examples").glob("*.txt"))
REAL_PAGE = ROOT.parent / "shared/samples/live-blog-2023-02-01.txt"


def options_of(page):
    """Read what a person tells about a case from the file beside it."""
    path = page.with_suffix(".options.toml")
    told = tomllib.loads(path.read_text("utf-8")) if path.exists() else {}
    if "tz" in told:
        told["tz"] = ZoneInfo(told["tz"])
    if told.get("missing_times", "").startswith("every="):
        told["missing_times"] = timedelta(minutes=int(told["missing_times"][6:-1]))
    return Options(**told)


def report_of(page):
    """Report a case, or tell why it is refused."""
    try:
        return report(read(page.read_bytes(), page.name, options=options_of(page)))
    except SourceError as refusal:
        return {"refused": str(refusal)}


def reading_of(text, **told):
    return read(text.encode(), "page.txt", options=Options(**told))


STAMP_WORDS = frozenset(
    """
    am pm a m p o uhr ago just now min mins minute minutes mo hr hrs hour hours day days month months d h st nd rd th
    and update updated at on posted last et est edt pt pst pdt ist bst gmt utc cst breaking new live inputs from with
    by in edited modified image credit photograph photo file the reporting original story
    british summer time hrs ore alle uur om le à às las de del noon midnight two sent subject
    """.split()  # noqa: SIM905 a list would be a page long
)


def words(text):
    """Part a text into words, also where they stand glued together."""
    text = re.sub(r"(?<=[a-z.!?’”\"')\]])(?=[A-Z\d])|(?<=\d)(?=[A-Za-z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", normal(text))
    return [word for word in re.findall(r"[^\W_]+", text.casefold()) if not word.isdigit()]


def unaccounted(text, reading):
    """List the lines of ``text`` that the reading holds nowhere: the check knows no grammar, only the report."""
    said = report(reading)
    held = {}
    for dropped in said["dropped"]:
        held.setdefault(dropped["line"], []).append(dropped["text"])
    posts = sorted(said["posts"], key=lambda p: p["line"])
    starts = [p["line"] for p in posts]
    texts = {line: set(words(" ".join(_texts(p) for p in posts if p["line"] == line))) for line in set(starts)}
    header = set(words(_header(said)))
    lost = []
    for number, raw in enumerate(re.split(r"\r\n|\n|\r", text), 1):
        if number in texts and read_stamp(normal(raw)):
            continue
        owner = bisect_right(starts, number) - 1
        own = texts[starts[owner]] if owner >= 0 else set()
        # Names may stand above the moment that a post's line is, and a date in a header or in a stamp.
        next_ = texts[starts[owner + 1]] if owner + 1 < len(starts) else set()
        first = bisect_left(starts, number) - 1  # a line that holds several posts may end one above
        own = own | (texts[starts[first]] if first >= 0 else set())
        found = own | next_ | header | set(words(" ".join(held.get(number, []))))
        missing = [w for w in words(raw) if w not in found and not _is_stamp_word(w)]
        by_names = [p for p in posts[max(owner, 0) : owner + 2] if p["authors"]]
        if missing and not any(
            all(a["name"] in clean_line(raw) for a in p["authors"]) for p in [*by_names, said] if p["authors"]
        ):
            lost.append((number, clean_line(raw)))
    return lost


def _texts(post):
    pictures = " ".join(f"{i['caption']} {i['credit']}" for i in post["images"])
    names = " ".join(f"{a['name']} {a.get('location', '')}" for a in post["authors"])
    return f"{post['title'] or ''} {post['content_text']} {pictures} {names} {' '.join(post['tags'])}"


_PAGE_STAMP = (
    "updated last modified first published zuletzt stand laatste actualizado publié mis jour publisert oppdatert kl"
)


def _header(said):
    count = said["source"]["claimed_posts"]
    updated = _PAGE_STAMP if said["updated"] else ""
    names = " ".join(a["name"] for a in said["authors"])
    return f"{said['title'] or ''} {names} {updated} {'posts updates' if count is not None else ''}"


def _is_stamp_word(word):
    return (
        word in STAMP_WORDS
        or word in _PAGE_STAMP.split()
        or re.fullmatch(r"t\d\d", word) is not None
        or find_zone(word) is not None
        or read_day(f"{word} 3") is not None
        or read_day(f"{word} March 3") is not None
    )


@pytest.mark.parametrize("page", CORPUS, ids=lambda p: p.stem)
def test_corpus(page):
    assert report_of(page) == json.loads(page.with_suffix(".json").read_text("utf-8"))
    with suppress(SourceError):
        reading = read(page.read_bytes(), page.name, options=options_of(page))
        assert unaccounted(page.read_text("utf-8"), reading) == []


def test_corpus_has_an_expectation_for_every_case_and_none_too_many():
    assert len(CORPUS) >= 70
    folder = ROOT / "tests/corpus/transcript"
    stems = {p.stem for p in CORPUS}
    assert stems == {p.stem for p in folder.glob("*.json")}
    assert {p.name.removesuffix(".options.toml") for p in folder.glob("*.toml")} <= stems


def test_every_trap_has_a_case():
    numbers = {int(p.stem.split("-")[1]) for p in CORPUS if p.stem.startswith("trap-")}
    assert numbers == set(range(1, 26))


@pytest.mark.parametrize("page", EXAMPLES, ids=lambda p: p.stem)
def test_examples_read_whole(page):
    text = page.read_text("utf-8")
    reading = read(page.read_bytes(), page.name)
    assert len(reading.posts) == reading.header.claimed_posts >= 4
    assert {d.code for d in reading.doubts} <= {"out-of-order"}
    assert {d.why for d in reading.dropped} == {"control", "dangling-link"}
    assert all(post.title and post.authors for post in reading.posts)
    assert len({post.story_time.date() for post in reading.posts}) == 2  # every example runs past midnight
    assert unaccounted(text, reading) == []


def test_real_page():
    if not REAL_PAGE.exists():
        pytest.skip(f"the real page is not there: {REAL_PAGE}")
    reading = read(REAL_PAGE.read_bytes(), REAL_PAGE.name)
    said = report(reading)
    text = REAL_PAGE.read_text("utf-8")
    assert said["source"]["claimed_posts"] == len(said["posts"]) == 6
    assert [p.story_time.astimezone(UTC).isoformat(timespec="minutes") for p in reading.posts] == [
        f"2023-02-01T{clock}+00:00" for clock in ("00:42", "00:43", "00:51", "04:16", "04:24", "05:22")
    ]
    assert [p["id"].split("-")[0] for p in said["posts"]] == [
        f"20230201T{clock}Z" for clock in ("0042", "0043", "0051", "0416", "0424", "0522")
    ]
    assert {p["published"][-6:] for p in said["posts"]} == {"-05:00"}
    assert [p["line"] for p in said["posts"]] == [114, 97, 38, 73, 56, 8]
    assert [len(p["authors"]) for p in said["posts"]] == [2, 4, 2, 1, 1, 4]
    assert [bool(p["authors"][-1].get("location")) for p in said["posts"]] == [False, False, False, True, False, False]
    assert len(said["authors"]) == 7
    assert said["updated"] == "2023-02-02T01:28:00-05:00"
    assert said["language"] == "en"
    assert [(w["code"], w["line"]) for w in said["warnings"]] == [("out-of-order", 38)]
    assert [(d["why"], d["line"]) for d in said["dropped"]] == [
        ("control", 7), ("dangling-link", 54), ("dangling-link", 112),
    ]  # fmt: skip
    assert [p["content_html"].count("<blockquote>") for p in said["posts"]] == [1, 1, 0, 0, 0, 0]
    assert [p["content_html"].count("<strong>") for p in said["posts"]] == [0, 0, 0, 1, 0, 1]
    [(place, image)] = [(n, i) for n, p in enumerate(said["posts"]) for i in p["images"]]
    assert place == 4 and image["credit"].count("/") == 2
    everything = json.dumps(said["posts"][4]["content_html"], ensure_ascii=False)
    assert everything.count(image["caption"]) == 1 and image["caption"] not in said["posts"][4]["content_text"]
    assert unaccounted(text, reading) == []


@pytest.mark.parametrize(
    ("line", "mend"),
    [
        ("3:44 a.m.", "has no date"),
        ("3:44 a.m. ET, March 15", "has no year"),
        ("3:44 a.m. ET, February 30, 2020", "no day of the calendar"),
        ("31:44 ET, March 15, 2020", "no time of day"),
    ],
)
def test_times_that_cannot_be_dated_are_refused_with_line_and_mend(line, mend):
    with pytest.raises(SourceError, match=re.escape(mend)) as refusal:
        reading_of(f"A title\n\n{line}\n\nHeadline\n\nBody.\n")
    assert str(refusal.value).startswith("page.txt:3: ")
    assert "12:22 a.m. ET, February 1, 2023" in str(refusal.value)


@pytest.mark.parametrize(
    "line",
    [
        "At 7:51 p.m. ET, March 3, 2024 the siren went",
        "7:51 p.m. ET, March 3, 2024: the siren goes",
        "12", "2024", "6 Posts", "3-0", "90 min", "107'", "14.6 overs", "March 3, 2024", "12:22 a.m. in the morning",
        "1" * 79, "", "7:51 p.m. ET, March 3, 2024" + " " * 3 + "x" * 60,
    ],
)  # fmt: skip
def test_what_is_more_than_a_moment_or_less_is_no_stamp(line):
    assert read_stamp(line) is None


@pytest.mark.parametrize(
    "line",
    [
        "The gates at Millbrook were shut at dusk.",
        "From Tuesday on, the ferry sails again.",
        "By 9 p.m. the water had gone",
        "From London to Paris",
        "Millbrook and Upper Reach",
        "Finch and Odell",
        "He and She and It",
        "Ada Finch, who saw it, and Lars Odell",
        "Ada Finch, Lars Odell and 3 others",
        "",
        "From ",
    ],
)
def test_what_is_no_byline(line):
    assert read_byline(line) is None


def test_a_post_keeps_its_id_when_newer_posts_are_added():
    posts = [f"8:3{n // 2} p.m. ET, March 3, 2024\n\nWater update\n\nReport {n}.\n" for n in range(8)]
    pages = ["\n".join(reversed(posts[:count])) for count in range(1, 9)]
    ids = [[post.id for post in reading_of(page).posts] for page in pages]
    assert all(longer[: len(shorter)] == shorter for shorter, longer in pairwise(ids))
    assert len(set(ids[-1])) == 8


def test_line_ends_and_a_missing_last_one_change_nothing():
    text = CORPUS[0].read_text("utf-8").rstrip("\n")
    expected = report(reading_of(text))
    for end in ("\r\n", "\r"):
        assert report(reading_of(text.replace("\n", end))) == expected


LINES = sorted({line for page in CORPUS for line in page.read_text("utf-8").split("\n")})
TEXTS = [page.read_text("utf-8") for page in (*CORPUS, *(p for p in EXAMPLES if p.stat().st_size < 10_000))]


@st.composite
def cut_pages(draw):
    """Cut two pages anywhere and join the pieces."""
    first, second = draw(st.sampled_from(TEXTS)), draw(st.sampled_from(TEXTS))
    head = first[draw(st.integers(0, len(first))) :]
    tail = second[: draw(st.integers(0, len(second)))]
    return head + draw(st.sampled_from(["", "\n", "\n\n", "\r\n"])) + tail


@settings(max_examples=400)
@given(cut_pages() | st.lists(st.sampled_from(LINES), max_size=40).map("\n".join))
def test_no_line_vanishes_from_any_page(text):
    try:
        reading = reading_of(text)
    except SourceError:
        return
    assert unaccounted(text, reading) == []
    ids = [post.id for post in reading.posts]
    assert len(set(ids)) == len(ids) and all(re.fullmatch(r"\d{8}T\d{4}Z-[a-z0-9-]+", i) for i in ids)
    times = [post.story_time for post in reading.posts]
    assert times == sorted(times)


NOON = datetime(2024, 3, 3, 12, tzinfo=UTC)
TELLINGS = st.builds(
    Options,
    tz=st.sampled_from([None, UTC, ZoneInfo("Europe/London")]),
    date=st.sampled_from([None, NOON.date(), date.min, date.max]),
    saved_at=st.sampled_from([None, NOON, datetime(1, 1, 2, tzinfo=UTC)]),
    file_time=st.sampled_from([None, NOON]),
    order=st.sampled_from([None, "newest", "oldest", "as-is"]),
    missing_times=st.sampled_from(["error", "interpolate", timedelta(minutes=2)]),
    keep_summaries=st.booleans(),
)


@st.composite
def spoilt_pages(draw):
    """Spoil a page: strike out, double and insert pieces, join lines."""
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 40)))
        piece = draw(
            st.sampled_from(["", "\n", " ", text[start:end] * 2]) | st.sampled_from(LINES) | st.text(max_size=8)
        )
        text = text[:start] + piece + text[end:]
    return text


@settings(max_examples=600)
@given(
    st.lists(st.sampled_from(LINES) | st.text(max_size=80), max_size=20).map("\n".join) | st.text() | spoilt_pages(),
    TELLINGS,
)
def test_hostile_text_is_read_or_refused_whatever_is_told(text, told):
    data = text.encode("utf-8", "surrogatepass")
    with suppress(SourceError):
        report(read(data, "page.txt", options=told))


STAMP = "8:02 p.m. ET, March 3, 2024\n"


def test_a_line_that_is_no_line_of_text_is_refused():
    with pytest.raises(SourceError, match=r"^page\.txt:5: the line has over 1,000,000 characters"):
        reading_of(STAMP + "\nHeadline\n\n" + "word " * 1_000_000)


def test_a_day_in_figures_is_read_as_lies_nearer_to_the_page_s_own():
    posts = "".join(f"Jo Doe 9/7/2016 4:5{n}:30 PM\nA man with a drum walks on.\n\n" for n in (9, 8, 7))
    for told, month, doubted in (("2016/07/09", 7, False), ("2016/09/07", 9, False), ("2016", 9, True)):
        reading = reading_of(f"A show, live\n\nhttps://live.example/{told}/show\n\n{posts}")
        assert {post.story_time.month for post in reading.posts} == {month}
        assert ("date-order" in {doubt.code for doubt in reading.doubts}) == doubted


def test_posts_of_one_coarse_time_are_spread_between_the_others():
    ages = ["2 min ago", "1 day ago", "1 day ago", "1 day ago", "3 days ago"]
    page = "\n".join(f"{age}\n\nReport number {n}\n\nThe water falls.\n" for n, age in enumerate(ages))
    told = {"saved_at": datetime(2024, 3, 9, 12, 2, tzinfo=UTC), "missing_times": "interpolate"}
    reading = reading_of(page, **told)
    assert [(f"{t.event.story_time:%d %H:%M}", t.time_source) for t in reading.told] == [
        ("06 12:02", "relative"), ("07 06:01", "interpolated"), ("08 00:01", "interpolated"),
        ("08 18:00", "interpolated"), ("09 12:00", "relative"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("From CNN's Ada Finch in Lviv, Ukraine, and Bo Lind", [("Ada Finch", "Lviv, Ukraine"), ("Bo Lind", None)]),
        ("By Ada Finch in Lviv, Ukraine", [("Ada Finch", "Lviv, Ukraine")]),
        ("The Whale", None),
        ("The Associated Press", [("The Associated Press", None)]),
    ],
)  # fmt: skip
def test_places_and_things_in_bylines(line, names):
    byline = read_byline(line)
    assert (byline and [(author.name, author.location) for author in byline.authors]) == names


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("two hours and five minutes ago", 125), ("an hour ago", 60), ("vor einer Stunde", 60), ("hace 5 minutos", 5),
        ("il y a une heure", 60), ("há 2 horas", 120), ("5 minuti fa", 5), ("2 uur geleden", 120), ("just now", 0),
    ],
)  # fmt: skip
def test_times_that_count_back_in_seven_languages(text, minutes):
    assert read_stamp(text).ago.span == timedelta(minutes=minutes)


@pytest.mark.parametrize("text", ["midnight oil", "noon train", "24:60", "25:00 CET", "a fan", "an old ago"])
def test_what_is_no_time_of_day(text):
    stamp = read_stamp(text)
    assert stamp is None or stamp.flaw
