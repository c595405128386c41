"""The bookmark: what was taken is noted, what was planned survives, and a damaged file is one clear line."""

import sqlite3

import pytest

from subscriber.bookmark import Bookmark, BookmarkError, Coming
from subscriber.update import Update

URL = "http://news.example/live/"


def coming(event, post_id, digest=None):
    return Coming(Update(event, "k-1", {"id": post_id}), post_id, digest)


def drain(bookmark):
    taken = []
    while bookmark.next is not None:
        taken.append((bookmark.next.event, bookmark.next.data.get("id")))
        bookmark.took()
    return taken


def test_position_and_digests_are_there_again(tmp_path):
    with Bookmark(tmp_path / "state", URL) as bookmark:
        assert bookmark.position == ""
        for number in range(3):
            bookmark.expect([coming("post", f"p{number}", f"d{number}")], f"k-{number}")
            drain(bookmark)
    with Bookmark(tmp_path / "state", URL) as bookmark:
        assert bookmark.position == "k-2"
        assert bookmark.digests() == {"p0": "d0", "p1": "d1", "p2": "d2"}
        assert bookmark.next is None


def test_an_update_counts_only_when_it_was_taken(tmp_path):
    with Bookmark(tmp_path / "state", URL) as bookmark:
        bookmark.expect([coming("post", "a", "1")], "k-1")
        assert bookmark.position == "" and "a" not in bookmark
    with Bookmark(tmp_path / "state", URL) as bookmark:
        assert bookmark.position == "" and bookmark.next is None  # the server will send it again


def test_what_follows_from_a_reset_survives_a_crash_in_its_middle(tmp_path):
    with Bookmark(tmp_path / "state", URL) as bookmark:
        bookmark.expect([coming("post", "old", "1")], "k-1")
        drain(bookmark)
        plan = [Coming(Update("reset", "k-9", {})), coming("post", "a", "1"), coming("post", "b", "1")]
        bookmark.expect(plan, "k-9", window=["a", "b"], forget=True)
        bookmark.took()
        bookmark.took()
    with Bookmark(tmp_path / "state", URL) as bookmark:
        assert bookmark.position == "k-9"
        assert bookmark.digests() == {"a": "1"}
        assert drain(bookmark) == [("post", "b")]
        bookmark.expect([coming("delete", "a"), coming("post", "c", "1")], "k-10")
        assert drain(bookmark) == [("delete", "a"), ("post", "c")]
    with Bookmark(tmp_path / "state", URL) as bookmark:
        assert list(bookmark.digests()) == ["b", "c"] and bookmark.next is None


def test_a_window_puts_posts_in_their_order(tmp_path):
    with Bookmark(None, URL) as bookmark:
        for name in "abd":
            bookmark.expect([coming("post", name, "1")], "k")
            drain(bookmark)
        bookmark.expect([coming("post", "c", "1"), coming("post", "e", "1")], "k", window=["b", "c", "d", "e"])
        drain(bookmark)
        assert list(bookmark.digests()) == ["a", "b", "c", "d", "e"]


def test_an_update_of_a_post_that_was_never_shown_has_no_place():
    with Bookmark(None, URL) as bookmark:
        bookmark.expect([coming("post", "a", "1")], "k")
        drain(bookmark)
        bookmark.expect([coming("update", "old", "1")], "k")
        drain(bookmark)
        assert bookmark.unplaced() == {"old"} and bookmark.digest("old") == "1"


def test_one_file_holds_many_urls(tmp_path):
    for url in ("http://a.example/", "http://b.example/"):
        with Bookmark(tmp_path / "state", url) as bookmark:
            bookmark.expect([coming("post", url, "1")], url)
            drain(bookmark)
    with Bookmark(tmp_path / "state", "http://a.example/") as bookmark:
        assert (bookmark.position, list(bookmark.digests())) == ("http://a.example/", ["http://a.example/"])


def test_a_file_of_another_program_is_left_alone(tmp_path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE precious (x)")
    other.close()
    with pytest.raises(BookmarkError, match="is no state file of this program"):
        Bookmark(path, URL)


@pytest.mark.parametrize(
    "damage", [b"not a database at all, but long enough to be one" * 30, b"SQLite format 3\0" + b"\xff" * 4000]
)
def test_a_damaged_file_is_one_clear_line(tmp_path, damage):
    path = tmp_path / "state"
    path.write_bytes(damage)
    with pytest.raises(BookmarkError, match="name another, or delete it") as caught:
        Bookmark(path, URL)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_pages_damaged_in_the_middle_are_one_clear_line(tmp_path):
    path = tmp_path / "state"
    with Bookmark(path, URL) as bookmark:
        for number in range(500):
            bookmark.expect([coming("post", f"post-{number}", "d")], f"k-{number}")
            drain(bookmark)
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xaa" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(BookmarkError, match="name another, or delete it"):
        Bookmark(path, URL)


def test_a_directory_that_is_not_there_is_one_clear_line(tmp_path):
    with pytest.raises(BookmarkError, match="see that its folder exists"):
        Bookmark(tmp_path / "missing" / "state", URL)


def test_a_full_disk_does_not_have_the_file_deleted(tmp_path):
    path = tmp_path / "state"
    with Bookmark(path, URL) as bookmark:
        bookmark.expect([coming("post", "a", "1")], "k-1")
        drain(bookmark)
        (pages,) = bookmark._file.execute("PRAGMA page_count").fetchone()
        bookmark._file.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(BookmarkError, match="disk is full; free space on its disk"):
            bookmark.expect([coming("post", f"post-{number}", "d") for number in range(500)], "k-2")
    with Bookmark(path, URL) as bookmark:
        assert bookmark.position == "k-1" and list(bookmark.digests()) == ["a"]
