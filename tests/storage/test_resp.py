"""What travels between us and Redis: whole or in pieces, refusals, and what is no answer at all."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from time import sleep

import pytest
from redis.exceptions import BusyLoadingError, InvalidResponse, NoScriptError, RedisError, ResponseError

from idp.storage.resp import exchange, packed

PATIENCE = 5.0


@pytest.fixture
def wires() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def answered(wires: tuple[socket.socket, socket.socket], *parts: bytes, count: int = 1) -> object:
    """What we make of an answer that comes in these parts."""
    ours, theirs = wires

    def answer() -> None:
        for part in parts:
            theirs.sendall(part)
            sleep(0.001)

    server = threading.Thread(target=answer)
    server.start()
    try:
        return exchange(ours, [("PING",)] * count, PATIENCE)
    finally:
        server.join()


def test_words_are_bulk_strings() -> None:
    assert packed([("SET", b"\xff\r\n", 12, "ä"), ("PING",)]) == (
        b"*4\r\n$3\r\nSET\r\n$3\r\n\xff\r\n\r\n$2\r\n12\r\n$2\r\n\xc3\xa4\r\n*1\r\n$4\r\nPING\r\n"
    )


@pytest.mark.parametrize(
    ("wire", "meaning"),
    [
        (b"$5\r\na\r\nbc\r\n", b"a\r\nbc"), (b"$0\r\n\r\n", b""), (b"$-1\r\n", None), (b":-7\r\n", -7),
        (b"+OK\r\n", b"OK"), (b"*-1\r\n", None), (b"*0\r\n", []),
        (b"*3\r\n$1\r\nm\r\n$2\r\nab\r\n:12\r\n", [b"m", b"ab", 12]), (b"*2\r\n*1\r\n:1\r\n*0\r\n", [[1], []]),
    ],
)  # fmt: skip
def test_every_kind_of_reply_whole_and_byte_by_byte(
    wires: tuple[socket.socket, socket.socket], wire: bytes, meaning: object
) -> None:
    assert answered(wires, wire) == [meaning]
    assert answered(wires, *[wire[place : place + 1] for place in range(len(wire))]) == [meaning]
    assert answered(wires, wire + b"+next", b"\r\n", count=2) == [meaning, b"next"]


def test_a_refusal_is_an_answer(wires: tuple[socket.socket, socket.socket]) -> None:
    found = answered(wires, b"-NOSCRIPT no such\r\n-READONLY a replica\r\n", count=2)
    assert isinstance(found, list)
    assert [type(error) for error in found] == [NoScriptError, ResponseError]
    assert str(found[1]) == "READONLY a replica"


@pytest.mark.parametrize(
    ("wire", "error"),
    [
        (b"-LOADING the data\r\n", BusyLoadingError), (b"HTTP/1.1 400 Bad Request\r\n", InvalidResponse),
        (b":x\r\n", InvalidResponse), (b"+OK\r\n+OK\r\n", InvalidResponse), (b"*1\r\n" * 9, InvalidResponse),
        (b"$9999999\r\n" + b"x" * (1 << 20), InvalidResponse),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_none(
    wires: tuple[socket.socket, socket.socket], wire: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        answered(wires, wire)


def test_the_end_of_the_server_and_its_silence_are_told(wires: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = wires
    with pytest.raises(TimeoutError):
        exchange(ours, [("PING",)], 0.01)
    theirs.close()
    with pytest.raises((RedisError, OSError)):
        exchange(ours, [("PING",)], 0.01)
