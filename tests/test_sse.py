"""The stream's parser against WHATWG HTML 9.2.6, rule by rule, and under every split of the bytes."""

from collections.abc import Callable

import pytest
from growing import assert_linear
from hypothesis import given
from hypothesis import strategies as st

from shared.sse import HEARTBEAT, Frame, FrameTooLargeError, StreamDecoder, encode_frame, encode_retry


def decode(*chunks: bytes, **settings) -> list[Frame]:
    decoder = StreamDecoder(**settings)
    return [frame for chunk in chunks for frame in decoder.feed(chunk)]


# The examples of the standard, section 9.2.6.


def test_data_lines_are_joined_by_newlines():
    assert decode(b"data: YHOO\ndata: +2\ndata: 10\n\n") == [Frame("message", "YHOO\n+2\n10", "")]


def test_the_standards_example_of_comment_ids_and_one_space():
    stream = b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"
    assert decode(stream) == [
        Frame("message", "first event", "1"),
        Frame("message", "second event", ""),  # a bare id line resets the id
        Frame("message", " third event", ""),  # only one space is taken away
    ]


def test_the_standards_example_of_empty_data():
    # "data" alone dispatches an empty event, two of them one newline; the block without an ending blank line is lost
    assert decode(b"data\n\ndata\ndata\n\ndata:") == [Frame("message", "", ""), Frame("message", "\n", "")]


def test_space_after_the_colon_is_optional():
    assert decode(b"data:test\n\ndata: test\n\n") == [Frame("message", "test", ""), Frame("message", "test", "")]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_every_line_ending(end):
    stream = end.join([b"event: post", b"id: k-1", b"data: a", b"data: b", b"", b"data: c", b"", b""])
    assert decode(stream) == [Frame("post", "a\nb", "k-1"), Frame("message", "c", "k-1")]


def test_mixed_line_endings():
    assert decode(b"data: a\rdata: b\r\ndata: c\n\r") == [Frame("message", "a\nb\nc", "")]


def test_crlf_split_over_chunks_is_one_line_end():
    assert decode(b"data: a\r", b"\ndata: b\r", b"\n\r", b"\n") == [Frame("message", "a\nb", "")]


def test_an_event_ended_by_cr_is_dispatched_at_once_though_a_lf_may_follow():
    decoder = StreamDecoder()
    assert decoder.feed(b"data: a\r\r") == [Frame("message", "a", "")]
    assert decoder.feed(b"\n") == []
    assert decoder.feed(b"data: b\r\r") == [Frame("message", "b", "")]


def test_an_empty_chunk_between_cr_and_lf_changes_nothing():
    assert decode(b"data: a\r", b"", b"\n\n") == [Frame("message", "a", "")]


def test_no_data_no_event_but_the_id_counts_and_the_event_name_is_forgotten():
    decoder = StreamDecoder()
    assert decoder.feed(b"id: k-7\nevent: post\n\n") == []
    assert decoder.last_event_id == "k-7"
    assert decoder.feed(b"data: x\n\n") == [Frame("message", "x", "k-7")]


def test_blank_lines_give_no_events():
    assert decode(b"\n\n\r\n\r\rid: 1\n\n\n\n") == []


def test_the_id_counts_only_when_its_block_ends():
    decoder = StreamDecoder(last_event_id="k-1")
    decoder.feed(b"id: k-2\ndata: half")
    assert decoder.last_event_id == "k-1"
    decoder.feed(b"\n\n")
    assert decoder.last_event_id == "k-2"


def test_a_new_connection_goes_on_from_the_old_id():
    decoder = StreamDecoder(last_event_id="k-1")
    decoder.feed(HEARTBEAT)
    assert decoder.last_event_id == "k-1"
    assert decoder.feed(b"data: x\n\n") == [Frame("message", "x", "k-1")]


def test_the_id_stays_until_another_comes():
    assert [f.id for f in decode(b"id: 1\ndata: a\n\ndata: b\n\nid: 2\ndata: c\n\n")] == ["1", "1", "2"]


def test_an_id_with_nul_is_ignored():
    assert decode(b"id: 1\ndata: a\n\nid: 2\x003\ndata: b\n\n")[1].id == "1"


def test_one_leading_bom_is_dropped_and_no_other():
    bom = "\ufeff".encode()
    assert decode(bom + b"data: a\n\n") == [Frame("message", "a", "")]
    assert decode(bom[:1], bom[1:2], bom[2:] + b"data: a\n\n") == [Frame("message", "a", "")]
    assert decode(bom + bom + b"data: a\n\ndata: b\n\n") == [Frame("message", "b", "")]
    assert decode(b"data: a\n" + bom + b"data: b\n\n") == [Frame("message", "a", "")]
    assert decode(b"data: " + bom + b"a\n\n") == [Frame("message", "\ufeffa", "")]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"retry: 2000", 2000),
        (b"retry:0", 0),
        (b"retry: 0000000000000000000000000000001500", 1500),
        (b"retry: -5", None),
        (b"retry: +5", None),
        (b"retry: 1_000", None),
        (b"retry: 2.5", None),
        (b"retry: 1e3", None),
        (b"retry:  5", None),
        (b"retry: 5 ", None),
        (b"retry:", None),
        (b"retry", None),
        ("retry: ٣".encode(), None),
        ("retry: ²".encode(), None),
        (b"Retry: 5", None),
    ],
)
def test_retry_takes_ascii_digits_only(line, expected):
    decoder = StreamDecoder()
    decoder.feed(line + b"\n")
    assert decoder.retry == expected


def test_an_absurd_retry_is_a_large_number_not_an_error():
    decoder = StreamDecoder()
    decoder.feed(b"retry: " + b"9" * 100_000 + b"\n")
    assert decoder.retry is not None and decoder.retry > 10**12


def test_field_names_are_exact_and_unknown_fields_are_ignored():
    assert decode(b"DATA: a\n data: b\ndata : c\nfoo: d\ndata\t: e\ndata: f\n\n") == [Frame("message", "f", "")]


def test_comments_and_colons_in_values():
    assert decode(b": comment\n:data: no\ndata: a: b:c\n\n") == [Frame("message", "a: b:c", "")]


def test_the_last_event_name_wins_and_an_empty_one_is_message():
    assert decode(b"event: a\nevent: b\ndata: 1\n\nevent: a\nevent\ndata: 2\n\n") == [
        Frame("b", "1", ""),
        Frame("message", "2", ""),
    ]


def test_no_other_character_ends_a_line():
    text = "a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg"
    assert decode(f"data: {text}\n\n".encode()) == [Frame("message", text, "")]


def test_bytes_that_are_no_utf8_become_replacement_characters():
    assert decode(b"data: a\xffb\xe2\x82\n\ndata: ok\n\n") == [
        Frame("message", "a\ufffdb\ufffd", ""),
        Frame("message", "ok", ""),
    ]


def test_an_unfinished_event_is_not_dispatched():
    assert decode(b"data: a\n\ndata: half\n") == [Frame("message", "a", "")]


# The cap.


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_line_without_end_is_refused_however_it_is_cut(size):
    decoder = StreamDecoder(max_bytes=10_000)
    with pytest.raises(FrameTooLargeError, match="10,000 bytes"):
        for _ in range(20_000):
            decoder.feed(b"x" * size)


def test_many_lines_of_data_are_refused_even_if_each_is_small():
    decoder = StreamDecoder(max_bytes=10_000)
    with pytest.raises(FrameTooLargeError):
        for _ in range(10_000):
            decoder.feed(b"data\n")


def test_a_large_line_in_one_chunk_is_refused():
    with pytest.raises(FrameTooLargeError):
        decode(b"data: " + b"x" * 2000 + b"\n\n", max_bytes=1000)


def test_the_cap_is_for_one_event_not_for_the_stream():
    assert len(decode(*[b"data: " + b"x" * 500 + b"\n\n: " + b"y" * 500 + b"\n"] * 100, max_bytes=1000)) == 100


def test_time_is_linear_in_the_size_of_a_line():
    def a_line_in(pieces: int) -> Callable[[], None]:
        def run() -> None:
            decoder = StreamDecoder()
            decoder.feed(b"data: ")
            for _ in range(pieces):
                decoder.feed(b"xy")
            assert len(decoder.feed(b"\n\n")) == 1

        return run

    assert_linear(a_line_in, 20_000)


# The property on which resuming rests.

_LINES = st.sampled_from(
    [
        b"data: a",
        b"data:b",
        b"data",
        b"data:  two",
        b"id: k-1",
        b"id",
        b"id: bad\x00id",
        b"event: post",
        b"event",
        b": note",
        b"retry: 15",
        b"retry: x",
        b"",
        b"",
        b"\xef\xbb\xbfdata: bom",
        "data: é\u2028😀".encode(),
        b"data: \xff\xfe",
        b"unknown: 1",
    ]
)
_STREAM = st.lists(st.tuples(_LINES, st.sampled_from([b"\n", b"\r", b"\r\n"])), max_size=40).map(
    lambda lines: b"".join(line + end for line, end in lines)
)


@given(stream=_STREAM, data=st.data())
def test_every_split_of_the_bytes_gives_the_same_frames(stream, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=30)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    whole, split, bytewise = StreamDecoder(), StreamDecoder(), StreamDecoder()
    expected = whole.feed(stream)
    assert [frame for chunk in chunks for frame in split.feed(chunk)] == expected
    assert [frame for byte in stream for frame in bytewise.feed(bytes([byte]))] == expected
    for decoder in (split, bytewise):
        assert (decoder.last_event_id, decoder.retry) == (whole.last_event_id, whole.retry)


@given(st.binary(max_size=300))
def test_no_bytes_are_an_error(stream):
    decode(stream, stream)


# The writer.


@given(
    event=st.sampled_from(["post", "update", "reset"]),
    text=st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])),
    position=st.sampled_from([None, "k3f9-17"]),
)
def test_what_is_written_is_read_back(event, text, position):
    frames = decode(encode_retry(2000) + encode_frame(event, text.encode(), position) + HEARTBEAT)
    assert frames == [Frame(event, text, position or "")]


def test_retry_is_written_as_digits():
    decoder = StreamDecoder()
    assert decoder.feed(encode_retry(2000)) == []
    assert decoder.retry == 2000
