"""Numbers for Prometheus: well formed, true, and silent about what a replay has yet to release."""

import re
from pathlib import Path
from urllib.request import urlopen

from patience import soon, until
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from serving import publishing, transcript
from test_desk import FERRY, newsroom


async def scrape(room, accept="text/plain"):
    async with room.session.get(f"{room.server.url}/metrics", headers={"Accept": accept}) as answer:
        assert answer.status == 200
        return answer.headers["Content-Type"], await answer.text()


def value(text, name, **labels):
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
    return None


async def test_what_readers_are_given_is_counted(tmp_path):
    async with newsroom(tmp_path) as room, room.session.get(room.root + "events") as stream:
        await stream.content.readuntil(b"event: reset")
        await room.post(FERRY)
        await stream.content.readuntil(b"event: post")
        for _ in range(3):
            await room.get("feed.atom")
        _, text = await scrape(room)
        expected = {
            "newsreel_posts": 1,
            "newsreel_stream_readers": 1,
            "newsreel_stream_lag_events": 0,
            "newsreel_stream_deliveries_total": 2,  # a reset and a post
            "newsreel_stream_joined_writes_total": 0,
            "newsreel_stream_write_latency_seconds_count": 1,
            "newsreel_log_append_seconds_count": 2,  # the post, and the clock with which the channel began
        }
        assert {name: value(text, name, channel="harbour") for name in expected} == expected
        assert value(text, "newsreel_stream_joins_total", way="reset") == 1
        assert value(text, "newsreel_stream_sent_bytes_total", channel="harbour") > 500
        assert value(text, "newsreel_documents_served_total", document="feed.atom") == 3
        assert value(text, "newsreel_documents_rendered_total", document="feed.atom") == 1
        stream.close()
        await soon(lambda: not room.server.channels["harbour"].fanout.readers)
        _, text = await scrape(room)
        assert value(text, "newsreel_stream_closed_total", reason="left") == 1


async def test_names_and_help_are_as_prometheus_wants_them(tmp_path):
    async with newsroom(tmp_path) as room:
        await room.post(FERRY)
        media_type, text = await scrape(room, "application/openmetrics-text; version=1.0.0")
        assert media_type.startswith("application/openmetrics-text")
        families = list(openmetrics.text_string_to_metric_families(text))  # raises on what is malformed
        ours = [family for family in families if family.name.startswith("newsreel_")]
        assert len(ours) > 12
        for family in ours:
            assert family.documentation.endswith(".")
            assert re.fullmatch(r"[a-z_]+", family.name)
            if family.type == "histogram":
                assert family.name.endswith("_seconds")
        assert (await scrape(room))[0].startswith("text/plain")


def test_releases_are_timed_and_nothing_is_told_of_what_is_to_come(tmp_path):
    source = tmp_path / "story.txt"
    told = []
    for posts in (20, 40):
        source.write_text(transcript(posts, minutes=60))
        with publishing("replay", source, "--speed", "1", "--log", tmp_path / f"{posts}.db") as server:

            def text(url=server.server + "metrics"):
                with urlopen(url) as answer:
                    return answer.read().decode()

            until(lambda text=text: value(text(), "newsreel_posts") == 1)
            assert value(text(), "newsreel_release_lateness_seconds_count") == 1
            lines = [line.rpartition(" ") for line in text().splitlines() if line.startswith("newsreel_")]
            told.append({name: number for name, _, number in lines if "_seconds" not in name})
    assert told[0] == told[1]  # which of the two stories it is cannot be told


async def test_the_list_of_them_is_true(tmp_path):
    async with newsroom(tmp_path) as room:
        await room.post(FERRY)
        suffixes = {"counter": "_total", "info": "_info"}
        told = [
            f"| `{family.name}{suffixes.get(family.type, '')}` | {family.type} | "
            f"{', '.join(f'`{label}`' for label in family._labelnames)} | {family.documentation} |"
            for family in room.server.metrics.collect()
        ]
    listed = (Path(__file__).parent.parent / "docs/metrics.md").read_text().splitlines()
    assert [line for line in listed if line.startswith("| `")] == told


async def test_they_can_be_kept_to_oneself(tmp_path):
    channels = {"harbour": {"mode": "live"}}
    async with newsroom(tmp_path, channels, server={"metrics": False}) as room:
        status, _ = await room.get(f"{room.server.url}/metrics")
        assert status == 404
