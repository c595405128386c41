"""What a person sees, and that nothing hostile reaches the terminal."""

import io
import re

import pytest
from growing import assert_linear
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from rich.console import Console

from shared.item import read_item
from shared.text import showable
from shared.wire import Clock
from subscriber.blocks import blocks
from subscriber.keys import HINT
from subscriber.screen import Screen
from subscriber.status import Status
from subscriber.update import Update
from subscriber.view import show, show_post, status_line


def draw(renderable, width=60):
    out = io.StringIO()
    Console(file=out, width=width, highlight=False, markup=False, emoji=False).print(renderable)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def item(**more):
    return {
        "id": "a",
        "title": "Ferry back in service",
        "content_html": "<p>The first boat left.</p>",
        "date_published": "2026-01-01T00:00:00Z",
        "authors": [{"name": "Ann Example", "_newsreel": {"location": "Oslo"}}, {"name": "Bo"}],
        "_newsreel": {"story_time": "2023-02-01T00:22:00-05:00"},
        **more,
    }


def test_a_post_as_a_person_reads_it():
    html = (
        "<p>The first boat left<br>at noon, <b>full</b>.</p><blockquote><p>We waited.</p><p>Long.</p></blockquote>"
        "<ul><li>one</li><li>two</li></ul><pre>  x =  1\n  y</pre><h3>Next</h3>"
        '<p class="newsreel-story-time"><small>First published …</small></p>'
    )
    facts = {
        "story_time": "2023-02-01T00:22:00-05:00",
        "key_event": True,
        "replay": {"run": 1, "speed": 60},
        "images": [{"caption": "The pier.", "credit": "Bo"}, {"url": "http://i.example/x.jpg"}],
    }
    text = draw(show_post(read_item(item(content_html=html, _newsreel=facts)), updated=True))
    assert text == (
        "2023-02-01 00:22 (UTC-05:00)  updated  key event\n"
        "Ferry back in service\n"
        "By Ann Example (Oslo), Bo\n"
        "\n"
        "The first boat left\n"
        "at noon, full.\n"
        "\n"
        "    We waited.\n"
        "\n"
        "    Long.\n"
        "\n"
        "  • one\n"
        "  • two\n"
        "\n"
        "      x =  1\n"
        "      y\n"
        "\n"
        "Next\n"
        "\n"
        "▣ The pier. – Bo\n"
    )


def test_a_derived_title_is_not_said_twice():
    facts = {"story_time": "2023-02-01T00:22:00Z", "title_derived": True}
    text = draw(show_post(read_item(item(title="The first boat left.", _newsreel=facts, authors=[]))))
    assert text == "2023-02-01 00:22 (UTC)\nThe first boat left.\n"


def test_beside_a_post_stands_its_time():
    post = read_item(item(content_html="<p>The first boat left at noon, and was full to the last seat.</p>"))
    assert draw(show_post(post, updated=True, beside=True), 50) == (
        "00:22  updated\n"
        "       Ferry back in service\n"
        "       By Ann Example (Oslo), Bo\n"
        "\n"
        "       The first boat left at noon, and was full\n"
        "       to the last seat.\n"
    )


def test_a_post_that_nobody_dated_is_not_given_a_date():
    post = read_item({"id": "a", "title": "A", "content_text": "Hello"})
    assert draw(show_post(post)) == "undated\nA\n\nHello\n"


@pytest.mark.parametrize("start", ["", "-3", "x", "٣", "9" * 5000])
def test_a_list_that_begins_nowhere_begins_at_one(start):
    assert [block.mark for block in blocks(f'<ol start="{start}"><li>a</li><li>b</li></ol>')] == ["1. ", "2. "]


def test_a_long_paragraph_takes_time_in_proportion():
    def reading(size):
        html = "<p>" + ("<b>She</b>" + " is afloat" * 15) * size + "</p>"
        return lambda: blocks(html)

    assert_linear(reading, 3_000)


def test_lists_keep_their_numbers_and_tables_their_cells():
    html = (
        '<ol start="3"><li>a</li><li>b<ul><li>c</li></ul></li></ol>'
        "<table><tr><th>Sea</th><th>Wind</th></tr><tr><td>high</td><td>9</td></tr></table>"
    )
    text = draw(show_post(read_item(item(title=None, authors=[], content_html=html))))
    assert text.splitlines()[1:] == ["  3. a", "  4. b", "    • c", "", "Sea | Wind", "", "high | 9"]


def on_a_screen(*updates, width, **options):
    out = io.StringIO()
    console = Console(file=out, width=width, color_system=None, highlight=False, markup=False, emoji=False, **options)
    screen = Screen(Status(title="Harbour (replay)"), console)
    for update in updates:
        screen.print(update)
    return re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())


START = Update("reset", "k-1", {"description": "A replay of 1 February 2023.", "_newsreel": {"reason": "start"}})


def test_a_screen_names_the_story_and_each_day_once():
    later = item(id="b", title="Later", _newsreel={"story_time": "2023-02-02T00:01:00-05:00"})
    posts = [Update("post", "k-1", item()), Update("post", "k-2", item(id="c")), Update("post", "k-3", later)]
    shown = on_a_screen(START, *posts, width=60, force_terminal=True)
    assert [line.rstrip() for line in shown.splitlines()][:5] == [
        "Harbour (replay)",
        "A replay of 1 February 2023.",
        "",
        "Wednesday 1 February 2023 (UTC-05:00) ──────────────────────",
        "",
    ]
    assert shown.count("Wednesday 1 February") == shown.count("Thursday 2 February") == shown.count("Harbour (rep") == 1
    assert "00:01  Later" in shown
    narrow = on_a_screen(START, *posts, width=40, force_terminal=True)
    assert "2023-02-01 00:22 (UTC-05:00)\nFerry back" in re.sub(" +\n", "\n", narrow)
    wide = on_a_screen(
        Update("post", "k-1", item(content_html=f"<p>{'word ' * 80}</p>")), width=200, force_terminal=True
    )
    assert max(len(line.rstrip()) for line in wide.splitlines()) <= 96


def test_what_is_no_terminal_gets_lines_that_stand_by_themselves():
    quote = Update(
        "post", "k-1", item(content_html="<blockquote><p>We waited for the boat for a long time</p></blockquote>")
    )
    shown = on_a_screen(START, quote, width=30)
    assert shown.startswith("Harbour (replay)\nA replay of 1 February 2023.\n\n2023-02-01 00:22 (UTC-05:00)\nFerry")
    assert not re.search(r" $", shown, re.MULTILINE)


def test_captions_in_the_body_are_shown_where_no_other_are_known():
    html = "<figure><img src='http://i.example/x.jpg' alt='x'><figcaption>The pier.</figcaption></figure>"
    assert "▣ The pier." in draw(show_post(read_item(item(content_html=html))))


def test_a_withdrawal_names_what_was_shown():
    update = Update("delete", None, {"id": "a"})
    assert draw(show(update, {"a": "Ferry back"})) == "withdrawn  Ferry back\n"
    assert draw(show(update, {})) == "withdrawn  a\n"


@pytest.mark.parametrize(("reason", "words"), [("seek", "moved to another time"), ("loop", "begins again")])
def test_seek_and_loop_are_a_line(reason, words):
    assert words in draw(show(Update("reset", "k-1", {"_newsreel": {"reason": reason}}), {}))


def test_a_start_and_a_running_clock_show_nothing():
    assert show(Update("reset", "k-1", {"_newsreel": {"reason": "start"}}), {}) is None
    clock = {"state": "playing", "speed": 60, "story_time": "2023-02-01T00:22:00Z", "run": 1}
    assert show(Update("clock", "k-1", clock), {}) is None
    ended = Update("clock", "k-1", {**clock, "state": "ended"})
    assert "the replay has ended" in draw(show(ended, {}))
    assert "the rerun has ended" in draw(show(ended, {}, kind="rerun"))


def test_the_status_line_runs_on_between_events():
    clock = Clock.model_validate({"state": "playing", "speed": 60, "story_time": "2023-02-01T00:22:00-05:00", "run": 1})
    status = Status(state="streaming", title="Harbour\x1b[2J live", clock=clock, clock_seen=100.0)
    assert (
        status_line(status, 1, 110.0).plain
        == "connected · replay 60× at 2023-02-01 00:32 (UTC-05:00) · 1 post · Harbour[2J live"
    )
    status.hint = HINT
    assert HINT in status_line(status, 1, 110.0).plain[:78], "the keys are cut off in a window of 80 columns"
    status.state, status.waiting_until = "waiting", 113.2
    assert "no connection, trying again in 3 s" in status_line(status, 2, 110.0).plain
    clock = clock.model_copy(update={"speed": 1e300})
    status.clock = clock
    assert "2023-02-01 00:22" in status_line(status, 2, 110.0).plain


_HOSTILE = st.text(
    st.sampled_from("ab \n\t\x1b[2J]0;\x07\x9b\x90\x9d\x7f\r\x08\u202e\u2066\u2028[/bold]:smile:<>&"), max_size=60
)


@given(_HOSTILE, _HOSTILE, _HOSTILE)
def test_nothing_hostile_reaches_the_terminal(title, html, name):
    data = item(title=title, content_html=html, authors=[{"name": name}], _newsreel={"images": [{"caption": name}]})
    screen_text = io.StringIO()
    console = Console(
        file=screen_text, width=40, force_terminal=True, color_system=None, highlight=False, markup=False, emoji=False
    )
    screen = Screen(Status(), console)
    for event in ("post", "update", "delete"):
        screen.print(Update(event, "k-1", data))
    allowed = (
        screen_text.getvalue()
        .replace("\x1b[1m", "")
        .replace("\x1b[0m", "")
        .replace("\x1b[2m", "")
        .replace("\x1b[3m", "")
    )
    allowed = allowed.replace("\x1b[9m", "").replace("\x1b[2;3m", "").replace("\x1b[3;2m", "").replace("\x1b[1;2m", "")
    assert not set(allowed) & set("\x1b\x07\x08\x7f\x90\x9b\x9d\r\u202e\u2066\u2028")


def test_markup_stays_words():
    assert "[red]x[/red] :boom:" in draw(show_post(read_item(item(title="[red]x[/red] :boom:"))))


def test_what_is_showable_keeps_line_feeds_and_joiners():
    assert showable("a\nb\u200dc\u200cd\x00e\u0085f") == "a\nb\u200dc\u200cdef"


def test_deep_nesting_is_shown():
    found = blocks("<blockquote>" * 100 + "x" + "</blockquote>" * 100)
    assert [block.text for block in found] == ["x"]
    assert "x" in draw(show_post(read_item(item(content_html="<blockquote>" * 100 + "x"))))


def test_a_clock_at_the_ends_of_the_calendar_is_shown():
    for end in ("0001-01-01T00:00:00+12:00", "9999-12-31T23:59:59-12:00"):
        told = {"state": "paused", "speed": 60, "story_time": end, "run": 1}
        for more in ({}, {"state": "playing"}, {"starts": end}):
            status = Status(state="streaming", clock=Clock.model_validate(told | more))
            assert f"{int(end[:4])}-{end[5:10]}" in status_line(status, 0, 0).plain


def test_a_clock_without_a_finite_speed_is_none():
    with pytest.raises(ValidationError):
        Clock.model_validate({"state": "playing", "speed": "nan", "story_time": "2023-02-01T00:22:00Z", "run": 1})


def test_a_replay_that_waits_says_when_it_begins():
    clock = Clock.model_validate(
        {
            "state": "paused",
            "speed": 60,
            "story_time": "2023-02-01T00:00:00Z",
            "run": 1,
            "starts": "2027-01-01T12:00:00Z",
        }
    )
    line = status_line(Status(state="streaming", clock=clock), 0, 0).plain
    assert line.startswith("connected · replay begins 20")
    assert "paused" not in line
