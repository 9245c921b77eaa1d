"""The proxy of ``docker-compose.yml`` in front of what it is in front of (reliability.md F-19)."""

from __future__ import annotations

import http.server
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest
import requests

from tests.demo_stack import free_ports
from tests.postgres import PostgresServer
from tests.proxy import Proxy, binary
from tests.races.play import Play
from tests.running import RunningProvider, operating, running
from tests.steady_load import SteadyLoad

pytestmark = pytest.mark.xdist_group("proxy")


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    if binary() is None:
        reason = "nginx is not installed; the proxy's configuration was read and not run"
        if os.environ.get("IDP_TEST_NO_SKIP"):
            pytest.fail(reason)
        pytest.skip(reason)


# ── in front of servers that only say what they got ──────────────────────────────────────────────


@dataclass
class Upstream:
    """A server that remembers each request, and answers with its own name; ``dies`` after it has read one."""

    name: str
    dies: bool = False
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    def __enter__(self) -> Self:
        upstream = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                upstream.seen.append((self.command, self.path, dict(self.headers), body))
                if upstream.dies:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(200)
                self.end_headers()
                self.wfile.write(upstream.name.encode())

            do_GET = do_POST  # noqa: N815 - the library's name

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """From now on connections are refused. May be called again."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


@dataclass(frozen=True)
class Front:
    proxy: Proxy
    providers: tuple[Upstream, Upstream]
    streams: Upstream

    @property
    def seen(self) -> list[tuple[str, str, dict[str, str], bytes]]:
        return [one for upstream in (*self.providers, self.streams) for one in upstream.seen]


@pytest.fixture
def front() -> Iterator[Front]:
    with Upstream("provider") as one, Upstream("provider") as other, Upstream("streams") as streams:
        ports = {"provider-1": one.port, "provider-2": other.port, "streams": streams.port}
        with Proxy(ports) as proxy:
            yield Front(proxy, (one, other), streams)


def test_the_log_of_revocations_goes_to_the_streams_and_all_else_to_the_providers(front: Front) -> None:
    assert requests.get(f"{front.proxy.url}/revocations?after=1", timeout=10).text == "streams"
    for path in ("/", "/token", "/revocations/x", "/account/sessions"):
        assert requests.get(front.proxy.url + path, timeout=10).text == "provider"
    assert requests.get(f"{front.proxy.url}/metrics", timeout=10).status_code == 404


def test_nobody_tells_the_provider_where_he_comes_from(front: Front) -> None:
    headers = {"X-Forwarded-For": "203.0.113.7", "X-Request-ID": "mine-all-mine", "Host": "id.example"}
    requests.get(f"{front.proxy.url}/", headers=headers, timeout=10)
    [(_, _, sent, _)] = front.seen
    assert sent["X-Forwarded-For"] == "127.0.0.1"
    assert sent["X-Request-ID"] != "mine-all-mine"
    assert sent["Host"] == "id.example"


def test_a_body_that_stalls_reaches_no_provider(front: Front) -> None:
    with socket.create_connection(("127.0.0.1", front.proxy.port)) as slow:
        slow.sendall(b"POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nfive!")
        time.sleep(0.5)
        assert front.seen == []
    answer = requests.post(f"{front.proxy.url}/token", data=b"x" * (129 * 1024), timeout=10)
    assert answer.status_code == 413


def test_what_a_provider_may_have_done_is_not_given_to_the_other(front: Front) -> None:
    """A code redeemed twice ends what the first redemption began."""
    for provider in front.providers:
        provider.dies = True
    assert requests.post(f"{front.proxy.url}/token", data={"code": "x"}, timeout=10).status_code == 502
    assert len(front.seen) == 1


def test_a_provider_that_is_away_is_not_asked(front: Front) -> None:
    front.providers[0].stop()
    for _ in range(10):
        assert requests.post(f"{front.proxy.url}/token", data={"code": "x"}, timeout=10).text == "provider"


def test_no_code_stands_in_the_log(front: Front) -> None:
    requests.get(f"{front.proxy.url}/authorize?code=secret", timeout=10)
    end = time.monotonic() + 10
    while not (log := (front.proxy.folder / "access.log").read_text()) and time.monotonic() < end:
        time.sleep(0.05)
    assert "/authorize 200" in log
    assert "secret" not in log


# ── in front of the provider ─────────────────────────────────────────────────────────────────────


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_replicas_are_replaced_one_by_one_and_no_request_is_lost(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """F-19: SIGTERM, wait until it is ready again, then the next, under load."""
    folder, (port, *ports) = tmp_path_factory.mktemp("rolling"), free_ports(4)
    front = RunningProvider(folder, postgres.new_database(), port=port)
    replicas = [
        RunningProvider(Path(folder / str(own)), front.database_url, 1, dict(front.settings), own) for own in ports[:2]
    ]
    upstreams = {"provider-1": ports[0], "provider-2": ports[1], "streams": ports[2]}
    with operating(front) as operator, ExitStack() as stack:
        for replica in replicas:
            stack.enter_context(running(replica))
        stack.enter_context(Proxy(upstreams, port))
        play = Play(front, operator)
        app = play.app()
        load = SteadyLoad(play, app)
        with load.running(3):
            for replica in replicas:
                replica.stop()
                replica.start()
                time.sleep(3)
    assert load.failed == []
    assert load.answered > 50
    assert "Traceback" not in "".join(replica.log.read_text() for replica in replicas)
