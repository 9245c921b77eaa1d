"""The proxy fails as it is told, and is whole again afterwards."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from .tcp_proxy import TcpProxy

SOON = 0.3


class _Echo(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        heard: list[bytes] = self.server.heard  # type: ignore[attr-defined]
        for line in self.rfile:
            heard.append(line)
            self.wfile.write(line)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Echo)
        self.heard: list[bytes] = []


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server() as echo:
        threading.Thread(target=echo.serve_forever, daemon=True).start()
        yield echo
        echo.shutdown()


@pytest.fixture
def proxy(server: _Server) -> Iterator[TcpProxy]:
    with TcpProxy(server.server_address[1]) as made:
        yield made


def connected(proxy: TcpProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=30)


def asked(client: socket.socket, line: bytes = b"hello\n") -> bytes:
    client.sendall(line)
    return client.recv(100)


def silent(client: socket.socket) -> bool:
    """Does nothing arrive for a while?"""
    client.settimeout(SOON)
    try:
        return client.recv(100) is None
    except TimeoutError:
        return True
    finally:
        client.settimeout(30)


def refused(proxy: TcpProxy) -> bool:
    """Is a new connection torn, sooner or later?"""
    try:
        with closing(connected(proxy)) as client:
            return asked(client) == b""
    except ConnectionError:
        return True


def test_it_passes_on(proxy: TcpProxy) -> None:
    with closing(connected(proxy)) as client:
        assert asked(client) == b"hello\n"
    assert (proxy.connections, proxy.requests) == (1, 1)


def test_a_slow_answer_comes_late_and_whole(proxy: TcpProxy) -> None:
    with closing(connected(proxy)) as client, proxy.failing(lambda: proxy.slow(SOON)):
        began = time.monotonic()
        assert asked(client) == b"hello\n"
        assert time.monotonic() - began >= SOON


def test_what_is_held_arrives_when_it_is_whole_again(proxy: TcpProxy, server: _Server) -> None:
    with closing(connected(proxy)) as client:
        with proxy.failing(proxy.hold), closing(connected(proxy)) as another:
            for one in (client, another):
                one.sendall(b"held\n")
            assert silent(client)
            assert silent(another)
            assert server.heard == []
            proxy.heal()
            assert another.recv(100) == b"held\n"
        assert client.recv(100) == b"held\n"


def test_an_answer_is_held_although_the_request_arrived(proxy: TcpProxy, server: _Server) -> None:
    with closing(connected(proxy)) as client:
        with proxy.failing(lambda: proxy.hold(up=False)):
            client.sendall(b"done\n")
            assert silent(client)
            assert server.heard == [b"done\n"]
        assert client.recv(100) == b"done\n"


def test_it_tears_what_stands_and_refuses_what_comes(proxy: TcpProxy) -> None:
    with closing(connected(proxy)) as client, proxy.failing(proxy.cut):
        with pytest.raises(ConnectionError):
            _ = asked(client) or _closed()
        assert refused(proxy)
    with closing(connected(proxy)) as again:
        assert asked(again) == b"hello\n"


def test_a_torn_connection_can_be_made_anew(proxy: TcpProxy) -> None:
    with closing(connected(proxy)) as client:
        assert asked(client) == b"hello\n"
        proxy.tear()
        with pytest.raises(ConnectionError):
            _ = client.recv(100) or _closed()
    with closing(connected(proxy)) as again:
        assert asked(again) == b"hello\n"


def test_a_server_that_is_away_is_a_refused_connection(proxy: TcpProxy) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        proxy.target = taken.getsockname()[1]
        assert refused(proxy)


def _closed() -> None:
    raise ConnectionResetError
