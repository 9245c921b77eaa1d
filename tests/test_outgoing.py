"""Fetching what somebody else's URL names: guarded against our own network (security.md J; CVE-2020-10770)."""

from __future__ import annotations

import http.server
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from idp.fetch_slots import Purpose
from idp.outgoing import MAX_BYTES, FetchRefused, Outgoing, Unreachable

from .certificates import a_certificate
from .receivers import Receiver

GUARDED, OPEN = Outgoing(allow_private=False), Outgoing(allow_private=True)


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every connection that was tried."""
    tried: list[Any] = []

    def connect(_self: socket.socket, address: Any) -> None:
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    return tried


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0/",
     "https://0.0.0.0/", "https://localhost/", "https://[::1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/",
     "https://[::ffff:7f00:1]/", "https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.0.1/",
     "https://169.254.169.254/latest/meta-data/", "https://[fe80::1]/", "https://[fc00::1]/", "https://100.64.0.1/",
     "https://224.0.0.1/", "https://255.255.255.255/", "https://[2002:7f00:1::]/", "https://[64:ff9b::7f00:1]/",
     "http://93.184.215.14/", "ftp://93.184.215.14/", "file:///etc/passwd", "gopher://x/", "data:,x", "//x/", "",
     "https://", "https://user@93.184.215.14/", "https://93.184.215.14@127.0.0.1/", "https://[::1", "https://x:99999/"],
)  # fmt: skip
def test_nothing_private_is_connected_to(url: str, connected: list[Any]) -> None:
    with pytest.raises(FetchRefused):
        GUARDED.json_object(url, Purpose.KEYS)
    assert connected == []


def answers(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    def resolve(_host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def test_every_address_of_a_name_must_be_public(monkeypatch: pytest.MonkeyPatch, connected: list[Any]) -> None:
    answers(monkeypatch, "93.184.215.14", "127.0.0.1")
    with pytest.raises(FetchRefused):
        GUARDED.json_object("https://rebinding.example/jwks", Purpose.KEYS)
    assert connected == []


def test_the_connection_goes_to_the_address_that_was_checked(
    monkeypatch: pytest.MonkeyPatch, connected: list[Any]
) -> None:
    """DNS rebinding: the name is looked up once."""
    asked: list[str] = []

    def resolve(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        address = "93.184.215.14" if host == "rebinding.example" and len(asked) == 1 else host
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(FetchRefused):
        GUARDED.json_object("https://rebinding.example/jwks", Purpose.KEYS)
    assert asked.count("rebinding.example") == 1
    assert connected == [("93.184.215.14", 443)]


# ── what comes back ───────────────────────────────────────────────────────────────────────────────


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers by path."""

    def do_GET(self) -> None:
        bodies = {"/ok": b'{"keys":[]}', "/list": b"[]", "/junk": b"{", "/deep": b"[" * 60000,
                  "/long": b'{"x":"' + b"x" * MAX_BYTES + b'"}', "/other": b'{"no":1}'}  # fmt: skip
        self.send_response(302 if self.path == "/away" else 500 if self.path == "/broken" else 200)
        if self.path == "/away":
            self.send_header("Location", "/ok")
        body = bodies.get(self.path, b"{}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


def test_with_the_operators_switch_private_addresses_are_fetched(server: str) -> None:
    """interop.md 21."""
    assert OPEN.json_object(server + "/ok", Purpose.KEYS) == {"keys": []}


@pytest.mark.parametrize("path", ["/list", "/junk", "/deep", "/long", "/away", "/broken"])
def test_what_is_no_small_json_object_is_refused(server: str, path: str) -> None:
    with pytest.raises(FetchRefused):
        OPEN.json_object(server + path, Purpose.KEYS)


def test_whoever_asks_may_want_less(server: str) -> None:
    assert OPEN.document(f"{server}/ok", Purpose.KEYS, most=11).body == b'{"keys":[]}'
    with pytest.raises(FetchRefused):
        OPEN.document(f"{server}/ok", Purpose.KEYS, most=10)


@pytest.mark.parametrize("part", ["body", "headers"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_drips_is_left_in_time(
    scheme: str, part: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A socket's time-out is for one read; a byte now and then must not hold a thread."""
    certificate = a_certificate(tmp_path)
    monkeypatch.setattr("idp.outgoing.TIMEOUT_SECONDS", 1.0)
    monkeypatch.setattr("idp.outgoing._tls", lambda: ssl.create_default_context(cafile=certificate))
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)

    def drip() -> None:
        accepted, _ = listener.accept()
        with server.wrap_socket(accepted, server_side=True) if scheme == "https" else accepted as connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\n" + (b"Content-Length: 9999\r\n\r\n" if part == "body" else b""))
            for _ in range(80):  # then it gives up by itself: whoever would have waited for ever has waited too long
                try:
                    connection.sendall(b"x")
                except OSError:
                    return
                if over.wait(0.1):
                    return

    thread = threading.Thread(target=drip)
    thread.start()
    began = time.monotonic()
    try:
        with pytest.raises(FetchRefused):
            OPEN.json_object(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/jwks", Purpose.KEYS)
        assert 0.5 < time.monotonic() - began < 6
    finally:
        over.set()
        thread.join()
        listener.close()


def test_a_silent_name_server_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver's own patience is half a minute."""
    over = threading.Event()
    monkeypatch.setattr("idp.outgoing.TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_named: over.wait(30) and [])
    try:
        with pytest.raises(Unreachable, match="in time"):
            OPEN.json_object("https://silent.example/jwks", Purpose.KEYS)
    finally:
        over.set()


# ── delivering ────────────────────────────────────────────────────────────────────────────────────


def test_a_form_is_posted_and_its_status_told() -> None:
    with Receiver(statuses={"/no": 302}, locations={"/no": "/elsewhere"}) as receiver:
        assert OPEN.post_form(receiver.uri("/ok?a=1"), {"x": "ä &", "y": "2"}) == 200
        assert OPEN.post_form(receiver.uri("/no"), {}) == 302
    assert [(arrival.path, arrival.form) for arrival in receiver.arrivals] == [
        ("/ok?a=1", {"x": ["ä &"], "y": ["2"]}), ("/no", {}),
    ]  # fmt: skip


def test_a_delivery_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idp.outgoing.DELIVERY_SECONDS", 0.3)
    with Receiver(delays={"/slow": 60}) as receiver, pytest.raises(Unreachable):
        OPEN.post_form(receiver.uri("/slow"), {})


def test_a_delivery_is_guarded_alike(connected: list[Any]) -> None:
    for url in ("https://127.0.0.1/", "http://93.184.215.14/"):
        with pytest.raises(FetchRefused) as refused:
            GUARDED.post_form(url, {})
        assert not isinstance(refused.value, Unreachable), "no repetition will change it"
    assert connected == []


@pytest.mark.parametrize("address", ["::7f00:1", "::ffff:0:7f00:1", "fec0::1", "64:ff9b:1::a00:1", "5f00::1"])
def test_what_nobody_was_given_is_not_public(address: str, connected: list[Any]) -> None:
    with pytest.raises(FetchRefused):
        GUARDED.json_object(f"https://[{address}]/", Purpose.KEYS)
    assert connected == []
