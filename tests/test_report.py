"""What ``check`` says: the JSON of the contract, and the tables."""

import io
import json
from datetime import date

from rich.console import Console

from publisher.render.report import report, summary, table
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


def shown(text, width=120, **told):
    out = io.StringIO()
    reading = read(text.encode(), "canal.txt", options=Options(**told))
    Console(file=out, width=width, color_system=None).print(table(reading))
    return out.getvalue()


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


def test_table_tells_posts_doubts_and_what_was_left_out():
    text = shown(PAGE)
    for words in (
        "canal.txt", "2024-03-03 20:02 -0500", "Lock gates close", "Ada Finch (Upper Reach)", "count-mismatch",
        "no-headline", "Sort byDropdown arrow", "2 posts of 3 claimed, 2 doubts",
    ):  # fmt: skip
        assert words in text
    assert "The keeper is at his post." in text  # stands in for the headline


def test_table_takes_nothing_in_a_source_for_markup():
    assert "[red]Millbrook[/red] canal works" in shown(PAGE)


def test_table_is_sparing_with_what_is_not_there():
    text = shown(PAGE[PAGE.index("8:02") :].replace("7:30 p.m. ET, March 3, 2024", "More:"))
    assert "(no title)" in text and "Unsure of" not in text and "Left out" not in text


def test_table_tells_where_a_time_is_from_if_not_from_the_post():
    assert "from" not in shown(PAGE).splitlines()[4].split()
    bare = "Canal works\n\n8:02 p.m.\n\nGates close\n\nThey are shut.\n"
    assert " header " in shown(bare, date=date(2024, 3, 3))
    untimed = "Canal works\n\nGates are closed\n\nThey were shut.\n\nPumps are running\n\nThey are loud.\n"
    assert "interpolated, to the day" in shown(untimed, date=date(2024, 3, 3), missing_times="interpolate")


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
