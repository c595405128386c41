"""The documents say what the code does."""

import re
import shlex
from pathlib import Path
from typing import get_args

import click
import pytest

from publisher.cli import publisher
from publisher.config import Settings
from publisher.replay.control import Control
from publisher.rerun.rerun import PARAMETERS
from publisher.sources.opening import FORMATS
from publisher.sources.opening import read as read_source
from shared.event import ClockState, ResetReason
from shared.post import Post, PostFacts
from shared.wire import Standing
from subscriber.cli import command as subscriber

ROOT = Path(__file__).parent.parent
PROTOCOL = (ROOT / "docs/protocol.md").read_text()
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAMS = {"newsreel-publisher": publisher, "newsreel-subscriber": subscriber}


def first_column(heading):
    """Collect the names in code type from the first column of the table under a heading."""
    rows = re.search(rf"^\| {re.escape(heading)} \|.*?\n\|[-|]+\|\n((?:\|.*\n)+)", PROTOCOL, re.MULTILINE)[1]
    return {name for row in rows.splitlines() for name in re.findall(r"`([^`]+)`", row.split("|")[1])}


def test_the_protocol_lists_every_event():
    assert first_column("event") == {"post", "update", "delete", "reset", "clock"}


def test_the_protocol_lists_every_reason():
    assert first_column("reason of a reset") == set(get_args(ResetReason))


def test_the_protocol_lists_every_member_of_an_item():
    assert first_column("member of an item's `_newsreel`") == set(PostFacts.model_fields)
    listed = set(re.findall(r"`(\w+)`", re.search(r"Items are JSON Feed 1.1: (.*?)\.", PROTOCOL, re.DOTALL)[1]))
    assert listed == set(Post.model_fields) - {"newsreel"}


def test_the_protocol_lists_every_parameter_of_a_rerun_and_every_state_of_its_clock():
    assert first_column("parameter of a rerun") == set(PARAMETERS)
    assert first_column("state of a rerun's clock") == set(get_args(ClockState))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_variable_that_a_page_names_is_of_a_setting(page):
    for table, key in re.findall(r"NEWSREEL_([A-Z]+)__([A-Z_]+)", page.read_text()):
        assert key.lower() in Settings.model_fields[table.lower()].annotation.model_fields


def commands(text):
    for block in re.findall(r"^```(?:sh|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words and words[0] in PROGRAMS:
                yield words


@pytest.mark.parametrize("words", [words for page in PAGES for words in commands(page.read_text())], ids=" ".join)
def test_every_command_of_the_documents_is_one(words):
    program, arguments = PROGRAMS[words[0]], words[1:]
    if isinstance(program, click.Group):
        program, arguments = program.commands[arguments[0]], arguments[1:]
    arguments = arguments[: next((i for i, word in enumerate(arguments) if word in {"|", ">", "&"}), None)]
    program.make_context(words[0], arguments)


def anchors(page):
    """Give the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_the_documents_link_exists(page):
    for path, anchor in re.findall(r"\]\(([^)#:]+)(?:#([^)]*))?\)", page.read_text()):
        linked = page.parent / path
        assert linked.exists(), path
        assert not anchor or anchor in anchors(linked), f"{path}#{anchor}"


def test_the_sources_page_lists_every_format_and_every_option():
    page = (ROOT / "docs/sources.md").read_text()
    assert set(re.findall(r"^\| `(\w+)`", page, re.MULTILINE)) == {form.name for form in FORMATS}
    told = {option for command in ("check", "convert") for option in reading_options_of(publisher.commands[command])}
    assert set(re.findall(r"^\| `(--[\w-]+)`", page, re.MULTILINE)) == told - {"--format"}


def reading_options_of(command):
    elsewhere = {"--json", "--to", "--output", "--debug", "--quiet", "--verbose"}
    return {param.opts[-1] for param in command.params if isinstance(param, click.Option)} - elsewhere


def test_the_markdown_form_reads_as_the_sources_page_says():
    form = re.search(r"^```markdown\n(.*?)^```", (ROOT / "docs/sources.md").read_text(), re.MULTILINE | re.DOTALL)[1]
    reading = read_source(form.encode(), "ferry.md")
    assert [(post.title, post.story_time.hour) for post in reading.posts] == [("The ferry is aground", 19), (None, 20)]
    assert reading.posts[0].id == "ferry-aground"
    assert not reading.doubts
    assert not reading.dropped


@pytest.mark.parametrize(
    "program", [publisher, *publisher.commands.values(), subscriber], ids=lambda program: program.name
)
def test_help_fits_a_terminal_of_eighty_columns(program):
    context = click.Context(program, info_name="newsreel-publisher", terminal_width=80, max_content_width=80)
    assert [line for line in program.get_help(context).splitlines() if len(line) > 80] == []


def test_every_command_is_in_the_readme():
    used = {words[1] for words in commands(README) if words[0] == "newsreel-publisher"}
    assert used == set(publisher.commands)


def test_the_changelog_knows_this_version():
    from shared import __version__

    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_protocol_lists_every_member_of_a_clock_and_of_a_control():
    assert first_column("member of a clock") == set(Standing.model_fields) - {"state", "speed", "story_time", "run"}
    assert first_column("member of a control") == set(Control.model_fields)
