"""The desk: what is written to a live channel comes out once, at once, and the same everywhere."""

import asyncio
import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from unittest.mock import ANY
from urllib.parse import quote

import pytest
import telling
from hypothesis import assume, example, given
from hypothesis import strategies as st
from making import ADDRESS, make_post
from patience import PATIENCE
from writing import BEARER, FERRY, SECRET, newsroom
from yarl import URL

from publisher.live import WrittenError
from publisher.log.contract import Draft
from publisher.log.opening import open_store
from publisher.projection import Projection
from publisher.sources.written import read_addressed, read_written
from publisher.web.desk import MAX_ITEM_BYTES
from shared.event import DeleteEvent, Position, PostEvent

STORY = json.dumps({"id": "old", "title": "Yesterday's news", "date_published": "2026-01-01T10:00:00Z"})


async def test_a_post_is_out_everywhere_once_it_is_answered(tmp_path):
    async with newsroom(tmp_path) as room:
        before = (await room.feed())["_newsreel"]["position"]
        answer, item = await room.post(FERRY)
        assert (answer.status, answer.content_type) == (201, "application/json")
        assert answer.headers["Location"] == item["url"] == "https://news.example/harbour/posts/ferry"
        feed = await room.feed()
        assert feed["items"] == [item]
        assert feed["_newsreel"]["position"] == item["_newsreel"]["position"]
        assert (await room.get("posts/ferry"))[0] == 200
        assert b"The ferry is back" in (await room.get(""))[1]
        (frame,) = await room.events(before)
        assert (frame.event, frame.id, json.loads(frame.data)) == ("post", item["_newsreel"]["position"], item)


async def test_what_an_item_says_and_what_the_server_says_of_it(tmp_path):
    async with newsroom(tmp_path) as room:
        _, item = await room.post(FERRY)
    assert item["content_html"] == "<p>All are ashore.</p>"
    assert item["date_published"] == item["_newsreel"]["story_time"] == "2026-02-01T05:22:00+01:00"
    assert item["authors"] == [{"name": "Ada Quist"}]
    facts = item["_newsreel"]
    assert (facts["key_event"], facts["pinned"], facts["revision"], facts["channel"]) == (True, False, 1, "harbour")


async def test_a_post_that_is_sent_again_is_published_once(tmp_path):
    async with newsroom(tmp_path) as room:
        before = (await room.feed())["_newsreel"]["position"]
        answers = await asyncio.gather(*(room.post(FERRY) for _ in range(8)))
        assert sorted(answer.status for answer, _ in answers) == [200] * 7 + [201]
        assert len({json.dumps(item) for _, item in answers}) == 1
        assert len(await room.events(before)) == 1
    async with newsroom(tmp_path) as room:  # another process, later
        answer, item = await room.post(FERRY)
        assert (answer.status, item) == (200, answers[0][1])


async def test_a_post_that_the_log_has_forgotten_is_still_known(tmp_path):
    async with newsroom(tmp_path) as room:
        _, first = await room.post(FERRY)
        _, last = await room.post({"title": "Another"})
        await room.server.channels["harbour"].log.prune(int(last["_newsreel"]["position"].rpartition("-")[2]))
        answer, item = await room.post(FERRY)
        assert (answer.status, item) == (200, first)
        answer, _ = await room.post(FERRY | {"title": "Not the ferry"})
        assert answer.status == 409


@pytest.mark.parametrize("change", [{"title": "Other"}, {"date_published": "2026-02-01T05:23:00+01:00"}, {"tags": []}])
async def test_an_id_is_never_given_to_another_post(tmp_path, change):
    async with newsroom(tmp_path) as room:
        await room.post(FERRY)
        answer, problem = await room.post(FERRY | change)
        assert (answer.status, answer.content_type) == (409, "application/problem+json")
        assert problem["detail"].startswith("'ferry' is the id of another post")
        assert len((await room.feed())["items"]) == 1


async def test_posts_without_an_id_are_given_one_each(tmp_path):
    async with newsroom(tmp_path) as room:
        written = {"content_text": "Goal!", "date_published": "2026-02-01T05:22:00Z"}
        answers = await asyncio.gather(*(room.post(written) for _ in range(5)))
        assert {answer.status for answer, _ in answers} == {201}
        slugs = {answer.headers["Location"].rpartition("/")[2] for answer, _ in answers}
        assert slugs == {"20260201T0522Z-goal", *(f"20260201T0522Z-goal--{n}" for n in range(2, 6))}


async def test_a_post_without_a_date_is_of_now(tmp_path):
    async with newsroom(tmp_path) as room:
        _, item = await room.post({"id": "x", "title": "Now"})
        facts = item["_newsreel"]
        assert item["date_published"] == facts["story_time"]
        assert abs(datetime.fromisoformat(facts["story_time"]) - datetime.now(UTC)) < timedelta(hours=1)
        answer, again = await room.post({"id": "x", "title": "Now"})
        assert (answer.status, again) == (200, item)


async def test_an_item_of_another_newsreel_keeps_its_id_and_its_story_time(tmp_path):
    async with newsroom(tmp_path) as room, newsroom(tmp_path, log="other.db") as other:
        _, item = await room.post(FERRY)
        _, copy = await other.post(item)
        assert copy["id"] == item["id"]
        assert copy["_newsreel"]["story_time"] == item["_newsreel"]["story_time"]


@pytest.mark.parametrize(
    ("item", "told"),
    [
        (b"{", "this is no JSON"),
        ([], "a post is one JSON object, a JSON Feed item; write its members in braces"),
        ({}, "a post needs a title, content_html or content_text"),
        ({"content_html": "<script>x()</script>"}, "nothing that shows is left"),
        ({"title": 7}, "title: 7 is no text; write it in quotation marks"),
        ({"title": "x", "tags": "a"}, "tags: 'a' is no list; write it in brackets, such as"),
        ({"title": "x", "authors": ["Ada"]}, "authors.0: 'Ada' is no object; write its members in braces"),
        ({"title": "x", "id": "https://news.example/x"}, "id: 'https://news.example/x' cannot be part of an address"),
        ({"title": "x", "id": ""}, "id: '' cannot be part of an address"),
        ({"title": "x", "date_published": "yesterday"}, "date_published: write a date with its offset"),
        ({"title": "x", "date_published": "2026-02-01T05:22:00"}, "date_published: write a date with its offset"),
        ({"title": "x", "date_published": 1769918520}, "date_published: 1769918520 is no text"),
        ({"title": "x", "date_published": "2962-02-01T05:22:00Z"}, "date_published: lies in the future"),
        ({"title": "x", "language": "so to speak"}, "language: write a language tag"),
        ({"title": "x", "authors": "Ada"}, "authors: 'Ada' is no list"),
        ({"title": "x", "authors": [{"naem": "Ada"}]}, "authors: each needs a name"),
        ({"title": "x", "image": "javascript:x()"}, "image: write an http(s) address"),
        ({"title": "x", "attachments": [{"url": "https://news.example/a"}]}, "attachments: each needs a url"),
        ({"title": "x", "_newsreel": {"pinned": "perhaps"}}, "_newsreel.pinned: 'perhaps' is neither true nor"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_is_no_post_is_refused_in_one_line(tmp_path, item, told):
    async with newsroom(tmp_path) as room:
        answer, problem = await room.post(item)
        assert (answer.status, answer.content_type) == (422, "application/problem+json")
        assert problem["detail"].startswith(told) or told in problem["detail"]
        assert "\n" not in problem["detail"]
        assert (await room.feed())["items"] == []


async def test_who_may_not_and_what_cannot_be(tmp_path):
    source = tmp_path / "story.jsonl"
    source.write_text(STORY)
    channels = {"live": {"mode": "live"}, "past": {"mode": "archive", "source": str(source)}}
    async with newsroom(tmp_path, channels) as room:
        for status, options in (
            (401, {"headers": {"Authorization": ""}}),
            (401, {"headers": {"Authorization": "Bearer other"}}),
            (404, {"where": f"{room.server.url}/none/posts"}),
            (409, {"where": f"{room.server.url}/past/posts"}),
            (415, {"headers": {"Content-Type": "application/x-www-form-urlencoded"}}),
        ):
            answer, problem = await room.post({"title": "x"}, **options)
            assert (answer.status, problem["status"]) == (status, status)
            assert "\n" not in problem["detail"]
        answer, problem = await room.post({"title": "x"}, headers={"Authorization": ""})
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        answer, problem = await room.post({"title": "x", "content_html": "y" * MAX_ITEM_BYTES})
        assert (answer.status, problem["detail"][:26]) == (413, "a post may have 256 KiB; c")
        assert (await room.feed())["items"] == []
    async with newsroom(tmp_path, channels, token=None) as room:
        answer, problem = await room.post({"title": "x"})
        assert answer.status == 403


async def test_an_empty_story_has_all_its_documents(tmp_path):
    async with newsroom(tmp_path) as room:
        for path in ("", "feed.atom", "feed.rss", "feed.json"):
            status, body = await room.get(path)
            assert status == 200
            assert b"The harbour" in body
        assert b"The first post will appear here" in (await room.get(""))[1]


async def test_ids_outlive_a_restart_on_another_day(tmp_path, monkeypatch):
    async with newsroom(tmp_path) as room:
        began = room.server.channels["harbour"].address.tag_prefix
    log = tmp_path / "log.db"
    import sqlite3

    with sqlite3.connect(log) as connection:  # as if it had begun long ago
        connection.execute('UPDATE event SET event = replace(event, \'"story_time":"20\', \'"story_time":"19\')')
    connection.close()
    async with newsroom(tmp_path) as room:
        assert room.server.channels["harbour"].address.tag_prefix == began.replace("news.example,20", "news.example,19")


async def test_an_archive_goes_on_live_and_a_replay_is_taken_back(tmp_path):
    source = tmp_path / "story.jsonl"
    source.write_text(STORY)
    for number, mode in enumerate(("archive", "replay")):
        log = f"{mode}.db"
        async with newsroom(tmp_path, {"harbour": {"mode": mode, "source": str(source)}}, log=log) as room:
            await room.server.channels["harbour"].press.reached(1 + number)
            (old,) = (await room.feed())["items"]
        async with newsroom(tmp_path, log=log) as room:
            _, new = await room.post(FERRY)
            items = (await room.feed())["items"]
            assert items == ([new, old] if mode == "archive" else [new])
            if mode == "archive":
                assert new["id"].rpartition("/")[0] == old["id"].rpartition("/")[0]
        async with newsroom(tmp_path, log=log) as room:
            assert (await room.feed())["items"] == items


@pytest.mark.parametrize("mode", ["archive", "replay"])
async def test_what_was_written_is_not_taken_back_for_a_source(tmp_path, mode):
    source = tmp_path / "story.jsonl"
    source.write_text(STORY)
    other = {"harbour": {"mode": mode, "source": str(source)}}
    async with newsroom(tmp_path):
        pass
    async with newsroom(tmp_path, other):  # nothing had been written
        pass
    async with newsroom(tmp_path) as room:
        await room.post(FERRY)
        before = (await room.feed())["items"]
    with pytest.raises(WrittenError, match="channel harbour: the log holds what was written to it"):
        async with newsroom(tmp_path, other):
            pass
    async with newsroom(tmp_path) as room:
        assert (await room.feed())["items"] == before


async def test_two_processes_begin_one_story(tmp_path):
    async with newsroom(tmp_path) as room, newsroom(tmp_path) as other:
        assert room.server.channels["harbour"].address == replace(
            other.server.channels["harbour"].address, root=room.server.channels["harbour"].address.root
        )
        answers = await asyncio.gather(*(one.post(FERRY) for one in (room, other)))
        assert sorted(answer.status for answer, _ in answers) == [200, 201]
        assert answers[0][1] == answers[1][1]


def known(*frames):
    return [(frame.event, json.loads(frame.data)) for frame in frames]


async def test_a_revision_is_out_everywhere_once_it_is_answered(tmp_path):
    async with newsroom(tmp_path) as room:
        _, first = await room.post(FERRY)
        answer, item = await room.put("ferry", {"title": "The ferry is lost", "content_text": "It sank."})
        assert (answer.status, answer.headers["Location"]) == (200, first["url"])
        assert (item["id"], item["title"], item["content_html"]) == (
            first["id"],
            "The ferry is lost",
            "<p>It sank.</p>",
        )
        assert "authors" not in item, "it is the whole new version"
        facts = item["_newsreel"]
        assert facts["revision"] == 2
        assert item["date_published"] == facts["story_time"] == first["date_published"]
        assert datetime.fromisoformat(item["date_modified"]) > datetime.fromisoformat(first["date_published"])
        assert (await room.feed())["items"] == [item]
        assert known(*await room.events(first["_newsreel"]["position"])) == [("update", item)]
        assert b"The ferry is lost" in (await room.get("posts/ferry"))[1]
    async with newsroom(tmp_path) as room:
        assert (await room.feed())["items"] == [item]


async def test_a_revision_that_changes_nothing_publishes_nothing(tmp_path):
    async with newsroom(tmp_path) as room:
        _, first = await room.post(FERRY)
        for item in (FERRY, FERRY | {"date_published": first["date_published"]}, first):
            answer, same = await room.put("ferry", item)
            assert (answer.status, same) == (200, first)
        _, second = await room.put("ferry", FERRY | {"title": "Other"})
        answers = await asyncio.gather(*(room.put("ferry", FERRY | {"title": "Other"}) for _ in range(5)))
        assert [item for _, item in answers] == [second] * 5
        assert (await room.feed())["_newsreel"]["position"] == second["_newsreel"]["position"]


async def test_what_one_fetches_changes_and_sends_back_is_revised(tmp_path):
    shifted = {"harbour": {"mode": "live", "timestamps": "shifted"}}
    async with newsroom(tmp_path, shifted) as room:
        await room.post({"id": "a", "content_html": "<p>First words.</p>", "date_published": "2026-02-01T05:22:00Z"})
        for number in (2, 3):
            item = json.loads((await room.get("feed.json"))[1])["items"][0]
            item["content_html"] = item["content_html"].replace("words", "words and more")
            answer, item = await room.put("a", item)
            assert answer.status == 200
            assert item["_newsreel"]["revision"] == number
            assert item["_newsreel"]["story_time"] == "2026-02-01T05:22:00Z"
            assert item["content_html"].count("First published") == 1
        modified = [datetime.fromisoformat(item[name]) for name in ("date_published", "date_modified")]
        assert modified[0] < modified[1]


STORY_TIME = datetime(2026, 1, 1, 12, tzinfo=UTC)


@given(telling.posts("a", STORY_TIME), st.sampled_from(["shifted", "original"]))
@example(make_post("a", title="Alpha", content_html="<p>Alpha</p>"), "original")
@example(make_post("a", title=None, content_html="<p>Alpha. Beta.</p>"), "shifted")
@example(make_post("a", title="Alpha.", content_html="<p>Alpha. Beta.</p>"), "shifted")
def test_what_one_fetches_and_sends_back_as_it_was_changes_nothing(post, timestamps):
    assume(post.title or post.content_text)
    now = STORY_TIME + timedelta(days=90)
    released = Projection(ADDRESS, timestamps).post(
        post, Position("k3f9", 3), first_released=now - timedelta(hours=1), released=now, replay=None
    )
    written = read_addressed(json.loads(released.to_json()), "a", now, derived=post.heading)
    assert (written.post.digest, written.post.story_time) == (post.digest, post.story_time)


async def test_a_post_is_published_under_an_address_that_has_none(tmp_path):
    async with newsroom(tmp_path) as room:
        before = (await room.feed())["_newsreel"]["position"]
        answers = await asyncio.gather(*(room.put("ferry", FERRY) for _ in range(6)))
        assert sorted(answer.status for answer, _ in answers) == [200] * 5 + [201]
        assert known(*await room.events(before)) == [("post", answers[0][1])]
        answer, item = await room.post(FERRY)
        assert (answer.status, item) == (200, answers[0][1])


async def test_two_who_revise_at_once_come_one_after_the_other(tmp_path):
    async with newsroom(tmp_path) as room, newsroom(tmp_path) as other:
        _, first = await room.post(FERRY)
        after = first["_newsreel"]["position"]
        await other.reached(first)
        titles = [f"Version {n}" for n in range(6)]
        answers = await asyncio.gather(
            *((room, other)[n % 2].put("ferry", FERRY | {"title": title}) for n, title in enumerate(titles))
        )
        assert {answer.status for answer, _ in answers} == {200}
        for _, item in answers:
            await room.reached(item)
        told = [item for _, item in known(*await room.events(after))]
        assert sorted(item["title"] for item in told) == titles
        assert [item["_newsreel"]["revision"] for item in told] == [2, 3, 4, 5, 6, 7]
        assert sorted(map(json.dumps, told)) == sorted(json.dumps(item) for _, item in answers)


async def test_a_withdrawal_is_out_everywhere_and_stays(tmp_path):
    async with newsroom(tmp_path) as room:
        _, first = await room.post(FERRY)
        await room.post({"id": "other", "title": "Another"})
        after = (await room.feed())["_newsreel"]["position"]
        await room.put("ferry", FERRY | {"title": "A second version"})
        answer, gone = await room.withdraw("ferry")
        assert (answer.status, answer.content_type) == (200, "application/json")
        assert gone["id"] == first["id"]
        assert known(*await room.events(after))[-1] == ("delete", gone)
        again, same = await room.withdraw("ferry")
        assert (again.status, same) == (200, gone)
    async with newsroom(tmp_path) as room:
        feed = await room.feed()
        assert [item["title"] for item in feed["items"]] == ["Another"]
        assert feed["_newsreel"]["deleted"] == [gone]
        for path in ("", "feed.atom", "feed.rss", "?at=50%25", "feed.json?rerun=2026-01-01T00:00Z", "events?after=x-1"):
            if "events" not in path:
                assert b"ferry is back" not in (await room.get(path))[1]
        assert (await room.get("posts/ferry"))[0] == 410
        answer, _ = await room.put("ferry", FERRY)
        assert answer.status == 410
        answer, _ = await room.post(FERRY)
        assert answer.status == 409
        told = b"".join(frame.data.encode() for frame in await room.events(after))
        assert b"second version" not in told
        answer, problem = await room.withdraw("none")
        assert (answer.status, problem["detail"]) == (404, "there is no post 'none'")


async def test_no_word_of_what_is_withdrawn_is_on_the_disk_when_it_is_answered(tmp_path):
    words = "Zanzibar"
    secret = {"title": words, "content_html": f"<p>{words * 400}</p>", "tags": [words], "authors": [{"name": words}]}

    def left():
        return {file.name for file in tmp_path.iterdir() if words.encode() in file.read_bytes()}

    async with newsroom(tmp_path) as room:
        for n in range(4):
            await room.post(secret | {"id": f"a{n}"})
            await room.put(f"a{n}", secret | {"title": f"{words}, corrected"})
            await room.post({"id": f"b{n}", "title": "Another", "content_html": "<p>x</p>" * 200})
        assert {name.removesuffix("-wal") for name in left()} == {"log.db", "log.db.library"}
        answers = await asyncio.gather(*(room.withdraw(f"a{n}") for n in (0, 1, 2, 3, 3)))
        assert {answer.status for answer, _ in answers} == {200}
        assert left() == set()


async def test_a_post_that_is_withdrawn_while_others_revise_it_stays_away(tmp_path):
    async with newsroom(tmp_path) as room, newsroom(tmp_path) as other:
        await room.post(FERRY)
        writing = [(room, other)[n % 2].put("ferry", FERRY | {"title": f"Version {n}"}) for n in range(12)]
        answers = await asyncio.gather(*writing[:6], room.withdraw("ferry"), *writing[6:])
        for answer, item in answers:
            if answer.status < 400:
                await room.reached(item)
        assert (await room.feed())["items"] == []
        assert (await room.get("posts/ferry"))[0] == 410


async def test_what_one_has_not_seen_is_not_overwritten(tmp_path):
    async with newsroom(tmp_path) as room:
        answer, _ = await room.put("ferry", FERRY, If_Match="*")
        assert answer.status == 412
        await room.put("ferry", FERRY, If_None_Match="*")
        tag = await room.tag("ferry")
        for known_tag, status in (('"another"', 412), (f"W/{tag}", 412), (f'"x", {tag}', 200)):
            answer, _ = await room.put("ferry", FERRY | {"title": "Mine"}, If_Match=known_tag)
            assert answer.status == status
        answer, _ = await room.put("ferry", FERRY | {"title": "Mine"}, If_Match=tag)
        assert answer.status == 200, "it is so already: the first answer was lost on its way"
        for headers in ({"If_Match": tag}, {"If_None_Match": "*"}):
            answer, problem = await room.put("ferry", FERRY | {"title": "Theirs"}, **headers)
            assert answer.status == 412
            assert "\n" not in problem["detail"]
        answer, _ = await room.withdraw("ferry", If_Match=tag)
        assert answer.status == 412
        item = (await room.feed())["items"][0]
        known = datetime.fromisoformat(item["_newsreel"]["released_at"])
        dates = [format_datetime(known + timedelta(seconds=late), usegmt=True) for late in (-1, 0, 1)]
        for number, (date, status) in enumerate(zip(dates, (412, 412, 200), strict=True)):
            answer, _ = await room.put("ferry", item | {"title": f"Title {number}"}, If_Unmodified_Since=date)
            assert answer.status == status, "a second is cut off: what was changed within it is newer"
        answer, _ = await room.put("none", FERRY | {"id": None}, If_Unmodified_Since=dates[0], If_Match="*")
        assert answer.status == 412
        answer, _ = await room.withdraw("ferry", If_Unmodified_Since=dates[0])
        assert answer.status == 412
        answer, _ = await room.withdraw("ferry", If_Match=await room.tag("ferry"))
        assert answer.status == 200


@pytest.mark.parametrize(
    ("item", "told"),
    [
        ([], "a post is one JSON object"),
        ({}, "a post needs a title"),
        (FERRY | {"id": "other"}, "id: 'other' is not that of the address, 'ferry'"),
        (FERRY | {"date_published": "2026-02-01T05:23:00+01:00"}, "date_published: a revision keeps the date"),
        (FERRY | {"date_modified": "2962-02-01T05:22:00Z"}, "date_modified: lies in the future"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_revision_that_is_none_is_refused_in_one_line(tmp_path, item, told):
    async with newsroom(tmp_path) as room:
        _, first = await room.post(FERRY)
        answer, problem = await room.put("ferry", item)
        assert (answer.status, answer.content_type) == (422, "application/problem+json")
        assert problem["detail"].startswith(told)
        assert (await room.feed())["items"] == [first]
        answer, problem = await room.put("no%20slug", FERRY | {"id": "no slug"})
        assert answer.status == 422


async def test_who_may_not_revise_or_withdraw(tmp_path):
    source = tmp_path / "story.jsonl"
    source.write_text(STORY)
    channels = {"past": {"mode": "archive", "source": str(source)}}
    async with newsroom(tmp_path, channels) as room:
        for write in (room.withdraw, lambda slug, **more: room.put(slug, {"title": "x"}, **more)):
            for status, headers in ((401, {"Authorization": ""}), (401, {"Authorization": "Bearer x"}), (409, {})):
                answer, problem = await write("old", **headers)
                assert (answer.status, "\n" in problem["detail"]) == (status, False)
        assert len((await room.feed())["items"]) == 1


async def test_a_withdrawal_of_a_sources_post_is_not_undone_by_the_source(tmp_path):
    source = tmp_path / "story.jsonl"
    source.write_text(STORY)
    archive = {"harbour": {"mode": "archive", "source": str(source)}}
    async with newsroom(tmp_path, archive):
        pass
    async with newsroom(tmp_path) as room:
        answer, _ = await room.withdraw("old")
        assert answer.status == 200
    with pytest.raises(WrittenError):
        async with newsroom(tmp_path, archive):
            pass


async def test_what_a_source_had_deleted_is_withdrawn_from_what_it_still_shows_in(tmp_path):
    store = await open_store(str(tmp_path / "log.db"))
    post = read_written(FERRY, datetime.now(UTC)).post
    gone = DeleteEvent(id="ferry", story_time=post.story_time + timedelta(minutes=5))
    drafts = [("post", PostEvent(post=post)), ("delete", gone)]
    await store.channel("harbour").append([Draft(key, datetime.now(UTC), event) for key, event in drafts])
    await store.close()
    async with newsroom(tmp_path) as room:
        before = f"feed.json?at={quote('2026-02-01T05:23:00+01:00')}"
        assert b"The ferry is back" in (await room.get(before))[1]
        answer, told = await room.withdraw("ferry")
        assert (answer.status, await room.withdraw("ferry")) == (200, (ANY, told))
        assert b"The ferry is back" not in (await room.get(before))[1]
        assert (await room.get("posts/ferry"))[0] == 410


async def test_a_body_is_measured_as_it_comes(tmp_path):
    async def pieces():
        for _ in range(8):
            yield b'{"title": "' + b"x" * MAX_ITEM_BYTES

    bomb = gzip.compress(b'{"title": "' + b"x" * 100 * MAX_ITEM_BYTES + b'"}')
    assert len(bomb) < MAX_ITEM_BYTES
    async with newsroom(tmp_path) as room:
        for data, headers in ((pieces(), {}), (bomb, {"Content-Encoding": "gzip"})):
            headers |= {"Content-Type": "application/json", **BEARER}
            async with room.session.post(room.root + "posts", data=data, headers=headers) as answer:
                assert answer.status == 413
        answer, _ = await room.post(FERRY)
        assert answer.status == 201


async def test_no_two_posts_are_released_at_the_same_moment_whatever_the_clock_does(tmp_path):
    async with newsroom(tmp_path) as room:
        answers = [await room.post({"title": str(n)}) for n in range(3)]
        for _, item in answers:
            assert item["_newsreel"]["released_at"]
        room.server.channels["harbour"].desk._released += timedelta(days=1)  # as if the clock had been set back since
        answers += [await room.post({"title": "later"})]
    async with newsroom(tmp_path) as room:
        answers += [await room.post({"title": "after a restart"})]
    stamps = [datetime.fromisoformat(item["_newsreel"]["released_at"]) for _, item in answers]
    assert stamps == sorted(set(stamps))


async def test_a_body_that_is_not_what_its_headers_say_is_refused(tmp_path, caplog):
    async with newsroom(tmp_path) as room:
        answer, problem = await room.post(b"{}", headers={"Content-Encoding": "gzip"}, compress=None)
        assert (answer.status, problem["detail"][:33]) == (400, "the body is not what its headers ")
        await room.post(FERRY)
    assert not [record for record in caplog.records if "files may be open" not in record.getMessage()]


async def test_who_never_finishes_a_request_is_sent_away_and_streams_stay(tmp_path, monkeypatch):
    monkeypatch.setattr("publisher.web.clients.IDLE_SECONDS", 0.3)
    monkeypatch.setattr("publisher.web.body.BODY_SECONDS", 0.3)
    async with newsroom(tmp_path) as room:
        url = URL(room.server.local_url)
        head = f"Host: x\r\nAuthorization: Bearer {SECRET}\r\nContent-Length: 9\r\n"
        begun = {
            b"": b"",
            b"GET / HTT": b"",
            b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow": b"",
            f"POST /harbour/posts HTTP/1.1\r\n{head}Content-Type: application/json\r\n\r\n{{".encode(): b" 408 ",
            f"POST /hub HTTP/1.1\r\n{head}Content-Type: application/x-www-form-urlencoded\r\n\r\nh".encode(): b" 408 ",
        }

        async def told(said):
            reading, writing = await asyncio.open_connection(url.host, url.port)
            writing.write(said)
            answer = await reading.read(13)  # nothing: it was closed
            writing.close()
            return answer

        async with room.session.get(room.root + "events") as stream, asyncio.timeout(PATIENCE):
            answers = await asyncio.gather(*map(told, begun))
            assert [answer[8:13] for answer in answers] == list(begun.values())
            await room.post(FERRY)
            seen = b""
            while b"event: post" not in seen:
                seen += await stream.content.readany()
