"""The SQLite files of newsreel: each begun once, whoever comes first."""

import sqlite3
from contextlib import closing

import pytest

from publisher.database import Database
from shared.errors import UsageError

DIARY = Database("diary", 0x64697279, 3, ("CREATE TABLE day (name TEXT)",))


def test_of_two_who_find_nothing_one_begins_it(tmp_path):
    path = tmp_path / "diary.db"
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as one,
        closing(sqlite3.connect(path, isolation_level=None)) as two,
    ):
        assert not any(DIARY.stands(each, path) for each in (one, two))
        for name, each in (("one", one), ("two", two)):
            DIARY.begin(each, lambda name=name, each=each: each.execute("INSERT INTO day VALUES (?)", (name,)))
        for each in (one, two):
            assert DIARY.stands(each, path)
            DIARY.refuse_newer(each, path)
            assert each.execute("SELECT name FROM day").fetchall() == [("one",)]
            assert each.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_one_that_a_later_version_wrote_is_refused(tmp_path):
    path = tmp_path / "diary.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        DIARY.begin(connection)
        older = Database("diary", DIARY.application, 2, DIARY.tables)
        with pytest.raises(UsageError, match=r"diary\.db was written by a newer newsreel .* or name another path"):
            older.refuse_newer(connection, path)
