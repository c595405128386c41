"""What ``check`` says: the JSON of the contract, and what people see."""

import io
import json
from datetime import date

import pytest
from click.testing import CliRunner
from rich.cells import cell_len
from rich.console import Console

from publisher.commands.check import check
from publisher.render.overview import overview, summary
from publisher.render.report import report
from publisher.sources.opening import read
from publisher.sources.options import Options

PAGE = """\
[red]Millbrook[/red] canal works

By Ada Finch and Lars Odell, Lockside

Updated 9:15 p.m. ET, March 3, 2024
3 Posts
Sort byDropdown arrow
8:02 p.m. ET, March 3, 2024

Lock gates close

From Lockside's Ada Finch in Upper Reach

The keeper shuts the gates.
The keeper shuts the gates. (Mira Sol/Reedbed Photos)

The gates were [bold]shut[/bold] at dusk.

7:30 p.m. ET, March 3, 2024

The keeper is at his post.
"""


def shown(text, width=120, name="canal.txt", **told):
    out = io.StringIO()
    reading = read(text.encode(), name, options=Options(**told))
    Console(file=out, width=width, color_system=None).print(overview(reading, width))
    return out.getvalue()


def rows(text):
    """List what stands between the heads of the columns and the next blank line."""
    lines = text.splitlines()
    start = next(place for place, line in enumerate(lines) if line.split()[:2] == ["line", "time"])
    return [line.rstrip() for line in lines[start + 1 : lines.index("", start) if "" in lines[start:] else None]]


def test_json_has_the_members_of_the_contract_and_no_others():
    said = report(read(PAGE.encode(), "canal.txt"))
    assert json.loads(json.dumps(said)) == said
    assert said["source"] == {"name": "canal.txt", "format": "transcript", "claimed_posts": 3}
    assert list(said) == [
        "source", "title", "authors", "updated", "language", "posts", "warnings", "dropped",
    ]  # fmt: skip
    assert said["authors"] == [{"name": "Ada Finch"}, {"name": "Lars Odell"}]
    assert said["updated"] == "2024-03-03T21:15:00-05:00"
    assert said["language"] == "en"
    bare, full = said["posts"]
    assert full == {
        "id": "20240304T0102Z-lock-gates-close",
        "title": "Lock gates close",
        "authors": [{"name": "Ada Finch", "location": "Upper Reach"}],
        "published": "2024-03-03T20:02:00-05:00",
        "time_source": "own",
        "time_precision": "minute",
        "updated": None,
        "content_text": "The gates were [bold]shut[/bold] at dusk.",
        "content_html": "<figure><figcaption>The keeper shuts the gates. <small>Mira Sol/Reedbed Photos</small>"
        "</figcaption></figure><p>The gates were [bold]shut[/bold] at dusk.</p>",
        "images": [{"url": None, "caption": "The keeper shuts the gates.", "credit": "Mira Sol/Reedbed Photos"}],
        "tags": [],
        "key_event": False,
        "pinned": False,
        "line": 8,
    }
    assert bare["title"] is None and bare["images"] == [] and list(bare) == list(full)
    assert [(w["code"], w["line"]) for w in said["warnings"]] == [("count-mismatch", 6), ("no-headline", 19)]
    assert all(set(w) == {"code", "line", "message"} for w in said["warnings"])
    assert said["dropped"] == [{"line": 7, "text": "Sort byDropdown arrow", "why": "control"}]


def test_overview_tells_posts_doubts_and_what_was_left_out():
    text = shown(PAGE)
    for words in (
        "canal.txt", "Lock gates close", "Ada Finch (Upper Reach)", "updated 2024-03-03 21:15 -05:00, language en",
        "count-mismatch", "no-headline", "Sort byDropdown arrow", "2 posts of 3 claimed, 2 doubts",
    ):  # fmt: skip
        assert words in text
    assert [row.split()[:4] for row in rows(text)] == [
        ["Sunday", "2024-03-03", "-05:00"], ["19", "19:30", "…", "The"], ["8", "20:02", "Lock", "gates"],
    ]  # fmt: skip
    assert "… The keeper is at his post." in text  # stands in for the headline


def test_overview_takes_nothing_in_a_source_for_markup_or_commands():
    assert "[red]Millbrook[/red] canal works" in shown(PAGE)
    turned = '{"id":"a","title":"A\\u202e\\u001b[31mB","date_published":"2024-03-03T20:02:00Z"}'
    assert "A[31mB" in shown(turned, name="a.jsonl")


def test_overview_is_sparing_with_what_is_not_there():
    text = shown(PAGE[PAGE.index("8:02") :].replace("7:30 p.m. ET, March 3, 2024", "More:"))
    assert "(no title)" in text and "Unsure of" not in text and "Left out" not in text


def test_overview_tells_where_a_time_is_from_if_not_from_the_post():
    assert "from" not in shown(PAGE).replace("From", "")
    bare = "Canal works\n\n8:02 p.m.\n\nGates close\n\nThey are shut.\n"
    assert "times from: header" in shown(bare, date=date(2024, 3, 3))
    untimed = "Canal works\n\nGates are closed\n\nThey were shut.\n\nPumps are running\n\nThey are loud.\n"
    assert "times from: interpolated, to the day" in shown(untimed, date=date(2024, 3, 3), missing_times="interpolate")
    mixed = bare + "\n7:30 p.m. ET, March 3, 2024\n\nMore\n\nIt rains.\n"
    assert "from" not in shown(mixed).split("line  time")[1].split("\n")[0]
    half = '{"id":"a","title":"A","date_published":"2024-03-03T20:02:00Z"}\n{"id":"b","title":"B"}\n'
    assert [row.split()[:3] for row in rows(shown(half, name="a.jsonl", missing_times="interpolate"))[1:]] == [
        ["1", "20:02", "own"], ["2", "20:03", "interpolated"],
    ]  # fmt: skip


def test_overview_shows_edits_and_deletions_by_the_headline_that_was_known():
    lines = [
        {"id": "a", "title": "Gates close", "date_published": "2024-03-03T20:02:00Z"},
        {"event": "update", "data": {"id": "a", "title": "Gates shut", "date_published": "2024-03-03T20:02:00Z",
         "date_modified": "2024-03-03T20:05:00Z"}},
        {"event": "delete", "data": {"id": "a", "_newsreel": {"story_time": "2024-03-04T20:09:00Z"}}},
    ]  # fmt: skip
    text = shown("\n".join(map(json.dumps, lines)), name="a.jsonl")
    assert [row.split()[-3:] for row in rows(text)] == [
        ["Sunday", "2024-03-03", "+00:00"], ["Gates", "close", "0"], ["Gates", "shut", "0"],
        ["Monday", "2024-03-04", "+00:00"], ["deleted:", "Gates", "close"],
    ]  # fmt: skip
    assert text.rstrip().endswith("1 post, 1 edit, 1 deletion")


LONG = json.dumps(
    {
        "id": "a",
        "title": "The keeper of the upper lock says that the gates will stay shut until the water is down again",
        "authors": [{"name": "Archibald Featherstonehaugh"}, {"name": "Wilhelmina Throckmorton-Smythe"}],
        "content_text": "フェリーが港に戻ったので全員が下船し、乗組員は船内に残ることになったと港湾事務所が発表した。",
        "date_published": "2024-03-03T20:02:00Z",
    }
)


@pytest.mark.parametrize("width", [30, 60, 80, 100, 140])
def test_no_line_is_longer_than_the_screen_and_no_word_is_lost(width):
    for page in (LONG, LONG.replace('"title"', '"was"')):
        text = shown(page, width=width, name="a.jsonl")
        assert max(map(cell_len, text.splitlines())) <= width
        said = "".join(text.split())
        assert "Throckmorton-Smythe" in said and ("downagain" in said or "発表した" in said)


def test_headlines_get_the_room_of_a_small_screen_and_authors_a_column_of_a_large_one():
    small, large = rows(shown(LONG, width=80, name="a.jsonl")), rows(shown(LONG, width=190, name="a.jsonl"))
    assert [row.strip().split()[0] for row in small[1:4]] == ["1", "shut", "Archibald"]
    assert len(large) == 2 and "Archibald Featherstonehaugh, Wilhelmina" in large[1]


def test_nothing_is_cut_off_however_small_the_screen(tmp_path):
    (tmp_path / "canal.txt").write_text(PAGE)
    printed = CliRunner().invoke(check, [str(tmp_path / "canal.txt")], env={"COLUMNS": "8"}).output
    said = "".join(word for word in printed.split() if not word.isdigit())
    for words in ("Lock gates close", "Ada Finch (Upper Reach)", "The keeper is at his post.", "Sort byDropdown arrow"):
        assert words.replace(" ", "") in said


def test_a_pipe_gets_one_line_a_post(tmp_path):
    (tmp_path / "a.jsonl").write_text(LONG)
    printed = CliRunner().invoke(check, [str(tmp_path / "a.jsonl")], env={"COLUMNS": None}).output
    [line] = [line for line in printed.splitlines() if "keeper" in line]
    assert "Throckmorton-Smythe" in line
    narrow = CliRunner().invoke(check, [str(tmp_path / "a.jsonl")], env={"COLUMNS": "70"}).output
    assert max(map(cell_len, narrow.splitlines())) <= 70


def test_doubts_stand_in_order_of_importance_with_line_and_mend():
    page = (
        "9 Posts\n\nCanal, March 3, 2024\n\n18:02 p.m.\n\nGates close\n\nThey are shut.\n\n7:30 p.m.\n\nNews\n\nMore:\n"
    )
    text = shown(page)
    unsure = text[text.index("Unsure of") :]
    codes = ["count-mismatch", "date-assumed", "zone-missing", "embed-lost", "clock-24h"]
    places = [unsure.index(code) for code in codes]
    assert places == sorted(places)
    assert "--date" in unsure and "--tz" in unsure


def test_summary_counts():
    reading = read(PAGE.encode(), "canal.txt")
    assert summary(reading) == "2 posts of 3 claimed, 2 doubts"
    alone = read(PAGE[PAGE.index("7:30") :].encode(), "canal.txt")
    assert summary(alone) == "1 post, 1 doubt"
