"""What a client does about a connection that fails; and what a proxy in front of the servers would."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from tests.demo_stack import free_ports

from .wire import REFUSED, Proxy, Wire

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
TORN = b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\nok"
FAILED = b"HTTP/1.1 503 Service Unavailable\r\nX-Request-ID: r1\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def server(*connections: list[bytes]) -> Iterator[tuple[int, list[str]]]:
    """Its port, and the requests it has read. Each connection answers as its list says and reads no further."""
    seen: list[str] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.settimeout(20)
        thread = threading.Thread(target=_serve, args=(listener, connections, seen), daemon=True)
        thread.start()
        yield listener.getsockname()[1], seen
    thread.join(10)


def _serve(listener: socket.socket, connections: tuple[list[bytes], ...], seen: list[str]) -> None:
    for answers in connections:
        with closing(listener.accept()[0]) as connection:
            for answer in answers:
                seen.append(connection.recv(65536).decode())
                connection.sendall(answer)


def wire(*ports: int, proxy: Proxy | None = None) -> Wire:
    """Of somebody who keeps every connection."""
    made = Wire("http://idp.example", [(f"worker {port}", port) for port in ports], random.Random(1), proxy)
    made.keeps = lambda: True  # type: ignore[method-assign]
    return made


def test_a_bare_wire_tells_of_every_connection_that_failed() -> None:
    with server([GOOD], [TORN], [FAILED]) as (port, seen), closing(wire(port)) as asking:
        assert asking.ask("GET", "/").body == b"ok"
        first, second, third = (asking.ask("GET", "/") for _ in range(3))
    assert (first.status, first.told) in {
        (0, "RemoteDisconnected"),
        (0, "ConnectionResetError"),
        (0, "BrokenPipeError"),
    }
    assert (second.status, second.told) == (0, "IncompleteRead in the answer")
    assert (third.status, third.told) == (503, "request r1")
    assert len(seen) == 3
    assert asking.ask("GET", "/").told == REFUSED


def test_behind_a_proxy_what_a_kept_connection_did_not_take_is_sent_again() -> None:
    proxy = Proxy()
    with server([GOOD], [GOOD]) as (port, seen), closing(wire(port, proxy=proxy)) as asking:
        assert [asking.ask("GET", "/").status for _ in range(2)] == [200, 200]
    [untaken] = proxy.untaken
    assert len(seen) == 2
    assert untaken not in "".join(seen), "each attempt has a name of its own"


def test_behind_a_proxy_who_is_refused_goes_to_another_server() -> None:
    with ExitStack() as stack:
        port, seen = stack.enter_context(server([GOOD] * 4))
        asking = stack.enter_context(closing(wire(port, free_ports(1)[0], proxy=Proxy())))
        assert [asking.ask("GET", "/").status for _ in range(4)] == [200] * 4
        assert len(seen) == 4


def test_behind_a_proxy_what_was_begun_with_is_not_sent_again() -> None:
    """A new connection that ends before an answer, and an answer that is torn: nobody knows what was done."""
    proxy = Proxy()
    with server([b""], [TORN]) as (port, seen), closing(wire(port, proxy=proxy)) as asking:
        assert [asking.ask("GET", "/").status for _ in range(2)] == [0, 0]
    assert (len(seen), proxy.untaken) == (2, [])
