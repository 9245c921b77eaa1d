"""Server-sent events, however the bytes are cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.resource_server.event_stream import Event, events
from idp.resource_server.revocation_page import PageRefused

WIRE = (
    b": hello\n\nevent: heartbeat\ndata: {}\n\nid: 7\r\nevent: revocations\r\ndata: one\r\ndata:two\r\nretry: 5\r\n\r\n"
    b"data\n\ndata: \xc3\xa9\n\nevent: empty\n\ndata: cut off"
)
EXPECTED = [Event("heartbeat", "{}"), Event("revocations", "one\ntwo"), Event("message", ""), Event("message", "é")]


@given(st.lists(st.integers(0, len(WIRE)), max_size=40))
def test_events_do_not_depend_on_how_bytes_arrive(cuts: list[int]) -> None:
    ends = [0, *sorted(cuts), len(WIRE)]
    pieces = [WIRE[begin:end] for begin, end in itertools.pairwise(ends)]
    assert list(events(pieces)) == EXPECTED


def test_lines_may_end_with_a_carriage_return() -> None:
    assert list(events([b"event: a\rdata: 1\r\rdata: 2\r\r", b"\n"])) == [Event("a", "1"), Event("message", "2")]


def test_an_event_comes_when_it_is_complete() -> None:
    seen: list[str] = []

    def pieces():  # type: ignore[no-untyped-def]
        yield b"data: 1\n\n"
        seen.append("asked for more")
        yield b"data: 2\n\n"

    for event in events(pieces()):
        seen.append(event.data)  # noqa: PERF401 - the order is what is tested
    assert seen == ["1", "asked for more", "2"]


@pytest.mark.parametrize(
    "pieces", [[b"data: " + b"x" * 2000], [b"x" * 600] * 3, [b"data: " + b"x" * 300 + b"\n"] * 5, [b"\xff\n"]]
)
def test_too_long_or_no_text_is_refused(pieces: list[bytes]) -> None:
    with pytest.raises(PageRefused):
        list(events(pieces, most_bytes=1000))
