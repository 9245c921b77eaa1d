"""Python's own load: counts what comes back, follows chains, stops when it should."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.bench.children import Server
from tests.bench.generators import by_sockets, split_answer
from tests.bench.requests import Chains, Each, Same, get, post


class _Handler(BaseHTTPRequestHandler):
    """POST answers with the next number of a chain, GET refuses."""

    protocol_version = "HTTP/1.1"  # keep-alive

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        name, _, number = form["refresh_token"][0].partition("-")
        answer = {"access_token": "a", "refresh_token": f"{name}-{int(number) + 1}"}
        self._answer(200, json.dumps(answer, separators=(",", ":")))

    def do_GET(self) -> None:
        self._answer(503, "no")

    def _answer(self, status: int, body: str) -> None:
        head = f"HTTP/1.1 {status} Whatever\r\nContent-Length: {len(body)}\r\n\r\n"
        self.wfile.write((head + body).encode())

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_each_connection_follows_its_own_chain(port: int) -> None:
    chains = Chains(["a-0", "b-0", "c-0"], ("app", "secret"), port)
    measured = by_sockets(chains, port, 3, 20, most=30)
    assert (measured.requests, measured.failures) == (30, 0)
    assert sum(int(text.partition("-")[2]) for text in chains.tokens) == 30
    assert [text[0] for text in chains.tokens] == ["a", "b", "c"]
    assert sum(measured.latencies.values()) == 30


def test_what_is_used_once_is_sent_once(port: int) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": "a-1"}
    measured = by_sockets(Each([post("/token", ("app", "secret"), form).wire(port)] * 7), port, 3, 20)
    assert measured.requests == 7


def test_it_stops_when_the_time_is_up(port: int) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": "a-1"}
    measured = by_sockets(Same(post("/token", ("app", "secret"), form), port), port, 2, 0.2)
    assert 0.2 <= measured.seconds < 5
    assert measured.requests > 0


def test_whatever_is_not_2xx_is_a_failure(port: int) -> None:
    measured = by_sockets(Same(get("/refuse"), port), port, 2, 20, most=6)
    assert (measured.requests, measured.failures, measured.sample) == (6, 6, "503 no")


def test_an_answer_is_whole_when_its_body_is() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n"
    assert split_answer(head) is None
    assert split_answer(head + b"\r\nbod") is None
    assert split_answer(head + b"\r\nbody") == (200, b"body")
    with pytest.raises(ValueError, match="Content-Length"):
        split_answer(b"HTTP/1.1 200 OK\r\n\r\n")


def test_processor_time_is_that_of_the_process_group() -> None:
    own = Server(0, os.getpgrp()).cpu_seconds()
    assert own is None or own > 0
    assert Server(0, 2**30).cpu_seconds() is None
