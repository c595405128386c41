"""What ``convert`` writes of any source reads back to the same story: every case of every corpus, and saves."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from cases import CORPUS
from click.testing import CliRunner
from serving import EXAMPLES

from publisher.commands.check import check
from publisher.commands.convert import convert
from publisher.render.writers import WRITERS
from publisher.sources.opening import read
from publisher.sources.options import Options
from publisher.sources.paragraphs import normal
from publisher.sources.reading import SourceError
from publisher.sources.saves import merge
from shared.event import DeleteEvent, encode_event

TOLD = Options(tz=UTC, date=date(2023, 2, 1), saved_at=datetime(2024, 12, 1, tzinfo=UTC), missing_times="interpolate")


def readings():
    """Read every case that can be read with one set of options, and the saves of one page as one story."""
    for path in sorted(path for path in CORPUS.rglob("*") if path.is_file() and path.suffix != ".toml"):
        with suppress(SourceError):
            if not path.name.endswith("expected.json") and path.parent.parent.name != "saves":
                yield path.name, read(path.read_bytes(), path.name, options=TOLD)
    for folder in sorted((CORPUS / "saves").iterdir()):
        saves = [read(path.read_bytes(), path.name) for path in sorted(folder.glob("save-*"))]
        yield folder.name, merge(saves, json.loads((folder / "expected.json").read_text("utf-8")).get("saved", []))


def in_normal_form(event):
    """Give an event as Markdown can hold it."""
    if isinstance(event, DeleteEvent):
        return event
    post = event.post.model_copy(update={"content_html": normal(event.post.content_html)})
    return event.model_copy(update={"post": post})


@pytest.mark.parametrize("form", WRITERS)
def test_every_case_of_every_corpus_comes_back(form):
    count = 0
    for name, reading in readings():
        back = read(WRITERS[form](reading).encode(), f"{name}.{form}")
        events = [told.event if form == "jsonl" else in_normal_form(told.event) for told in reading.told]
        assert list(map(encode_event, (told.event for told in back.told))) == list(map(encode_event, events)), name
        assert back.header == replace(reading.header, claimed_posts=None), name
        assert (back.format, back.dropped) == (form, ()), name
        count += 1
    assert count > 250


@pytest.mark.parametrize("form", WRITERS)
def test_check_says_the_same_of_what_convert_writes(tmp_path, form):
    source, written = EXAMPLES / "harbour-fire.txt", tmp_path / "written"
    assert CliRunner().invoke(convert, [str(source), "--to", form, "--output", str(written)]).exit_code == 0
    shown = CliRunner().invoke(convert, [str(source), "--to", form]).output
    assert shown == written.read_text("utf-8")
    before, after = (
        json.loads(CliRunner().invoke(check, ["--json", str(path)]).output)["posts"] for path in (source, written)
    )
    assert [post | {"line": 0} for post in after] == [post | {"line": 0} for post in before]
