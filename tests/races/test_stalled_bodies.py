"""Idle connections that announced a body stop nobody (security review: denial of service by silence)."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import requests

from tests.running import RunningProvider, running

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("races"), pytest.mark.timeout(300)]

WORKERS, THREADS = 2, 4  # threads: the default of ``idp serve``
HEAD = b"POST /token HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\n"


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProvider]:
    with running(RunningProvider(tmp_path_factory.mktemp("stalled"), workers=WORKERS)) as provider:
        yield provider
    assert "Traceback" not in provider.log.read_text()


def _begin(stack: ExitStack, provider: RunningProvider, rest: bytes) -> socket.socket:
    opened = stack.enter_context(socket.create_connection(("127.0.0.1", provider.port), timeout=30))
    opened.sendall(HEAD % f"127.0.0.1:{provider.port}".encode() + rest)
    return opened


def _all_of(opened: socket.socket) -> bytes:
    """What arrives until the server closes."""
    answer = b""
    while part := opened.recv(65536):
        answer += part
    return answer


@pytest.mark.parametrize(
    "rest", [b"Content-Length: 100\r\n\r\ngrant", b"Transfer-Encoding: chunked\r\n\r\n5\r\ngrant\r\n"]
)
def test_stalled_bodies_stop_nobody(provider: RunningProvider, rest: bytes) -> None:
    with ExitStack() as stack:
        stalled = [_begin(stack, provider, rest) for _ in range(3 * WORKERS * THREADS)]
        time.sleep(0.2)
        began = time.monotonic()
        for _ in range(8):  # two workers accept
            assert requests.get(f"{provider.issuer}/.well-known/jwks.json", timeout=20).status_code == 200
        assert time.monotonic() - began < 10
        form = {"grant_type": "client_credentials"}
        assert requests.post(f"{provider.issuer}/token", data=form, timeout=20).status_code in {400, 401}
        answers = [_all_of(opened) for opened in stalled]
        assert time.monotonic() - began < 25
    assert [answer[:13] for answer in answers] == [b"HTTP/1.1 408 "] * len(stalled)
    assert all(answer.endswith(b"}") and b"invalid_request" in answer for answer in answers)


def test_after_413_the_connection_is_closed_as_announced(provider: RunningProvider) -> None:
    with ExitStack() as stack:
        answer = _all_of(_begin(stack, provider, b"Content-Length: 200000\r\n\r\n"))
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in answer
    with requests.Session() as session:
        for _ in range(3):
            assert session.post(f"{provider.issuer}/token", data=b"x" * 200_000, timeout=20).status_code == 413
            assert session.get(f"{provider.issuer}/.well-known/jwks.json", timeout=20).status_code == 200
