"""The same over real connections: ``idp serve`` with two workers, and ``idp serve --streams``.

What only a server sees is thrown here: methods, chunked and torn bodies, messages that are none.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.running import RunningProvider, running
from tests.streams.process import StreamsProcess

from .conftest import MASTER_KEY, settings_of
from .promises import Promises
from .requests import headers, many, mutated, values
from .seeds import SEEDS
from .socket_transport import MANNERS, NO_ANSWER, OverSocket, exchanged, well_formed
from .strangers import HOST
from .test_every_endpoint import SECONDS
from .wire import Throw, requested
from .world import ISSUER, World, a_world

OUR_HOST = ISSUER.removeprefix("https://")
CHUNK = 50
_ROUTES_OF_STREAMS = ("/revocations", "/healthz", "/readyz")

pytestmark = [pytest.mark.timeout(int(SECONDS) * 3 + 400), pytest.mark.promise("P8"), pytest.mark.slow]


class StreamsBehindProxy(StreamsProcess):
    """Known by an address of the issuer's host, asked at its port."""

    @property
    def url(self) -> str:
        return f"{ISSUER}:{self.port}/revocations"

    def ready(self) -> bool:
        """Does it answer?"""
        with suppress(OSError):
            return exchanged(self.port, b"GET /readyz HTTP/1.0\r\n\r\n")[0] == 200
        return False


@dataclass(frozen=True)
class Scene:
    """Both servers, and a world in this process over their database that knows what to send them."""

    world: World
    provider: RunningProvider
    streams: StreamsProcess
    transport: OverSocket


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Behind a proxy, as it were: it says where requests come from."""
    folder = tmp_path_factory.mktemp("socket")
    provider = RunningProvider(
        folder,
        settings={
            "IDP_ISSUER": ISSUER, "IDP_MASTER_KEY": MASTER_KEY, "IDP_CLIENT_REGISTRATION": "open",
            "IDP_CLIENT_ID_DOCUMENTS": HOST, "IDP_TRUSTED_PROXIES": "127.0.0.1", "IDP_HOUSEKEEPING": "off",
        },
    )  # fmt: skip
    transport = OverSocket(provider.port, OUR_HOST)
    with a_world(settings_of(folder / "data", ""), transport) as world, running(provider):
        streams = StreamsBehindProxy(provider)
        try:
            streams.start()
            yield Scene(world, provider, streams, transport)
        finally:
            streams.crash()


def quiet(log: Path) -> bool:
    """Is there neither an error nor a traceback in it?"""
    text = log.read_text()
    return "Traceback" not in text and '"level": "error"' not in text and "panicked" not in text


def check(scene: Scene, thrown: Throw, address: str, statuses: Counter[int]) -> None:
    """One request in the manner that is set."""
    world, promises = scene.world, Promises(scene.world)
    answered = world.throw(thrown, address)
    statuses[answered.status] += 1
    if answered.status == NO_ANSWER or (answered.status == 400 and not answered.header("X-Request-ID")):
        assert not well_formed(requested(thrown, world.known(thrown.odd), address)), (thrown, answered)
        return
    promises.hold(thrown, answered)


def test_the_provider_answers_whatever_comes_in_whatever_manner(scene: Scene) -> None:
    statuses, workers = Counter[int](), scene.provider.worker_ids()
    addresses = st.integers(0, 2**16 - 1).map(lambda number: f"10.1.{number >> 8}.{number & 255}")

    @settings(max_examples=CHUNK, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(mutated(), addresses, st.sampled_from(MANNERS))
    def one(thrown: Throw, address: str, manner: str) -> None:
        scene.transport.manner = manner
        check(scene, thrown, address, statuses)

    until = time.monotonic() + SECONDS / 4
    while not statuses or time.monotonic() < until:
        scene.world.renew_mallory()
        one()
        Promises(scene.world).unchanged()
    print(f"\nover a socket: {statuses.total()} requests; {sorted(statuses.items())}")
    assert scene.provider.worker_ids() == workers
    assert quiet(scene.provider.log)


@pytest.mark.parametrize("manner", MANNERS)
def test_a_body_means_the_same_in_whatever_manner_it_comes(scene: Scene, manner: str) -> None:
    """Chunked or torn, an introspection is one."""
    scene.world.freshen()
    scene.transport.manner = manner
    seed = next(seed for seed in SEEDS if seed.path == "/introspect")
    answered = scene.world.throw(seed, "10.2.0.1")
    assert answered.status == 200, answered
    assert answered.body.startswith(b"{")


@pytest.mark.parametrize("path", _ROUTES_OF_STREAMS)
def test_the_streams_process_answers_whatever_comes(scene: Scene, path: str) -> None:
    """Every route it has: the test that follows says that there are no others."""
    statuses, port = Counter[int](), scene.streams.port
    transport = OverSocket(port, OUR_HOST)
    good = (("Authorization", "Bearer {follower.token}"), ("Accept", "text/event-stream"))
    throws = st.builds(
        Throw, st.sampled_from(("GET", "GET", "GET", "POST", "HEAD", "OPTIONS", "TRACE", "get")), st.just(path), many,
        st.one_of(headers, headers.map(lambda sent: (*good, *sent)), st.just(good)),
        st.one_of(many, st.lists(st.tuples(st.sampled_from(("after", "wait")), values), max_size=2)),
    )  # fmt: skip

    @settings(max_examples=CHUNK, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(throws, st.sampled_from(MANNERS))
    def one(thrown: Throw, manner: str) -> None:
        transport.manner = manner
        request = requested(thrown, scene.world.known(), "10.3.0.1")
        answered = transport(request)
        statuses[answered.status] += 1
        assert answered.status < 500, (thrown, answered)
        assert answered.seconds < 5 or "wait" in dict(thrown.query), (thrown, answered.seconds)
        assert answered.status != NO_ANSWER or not well_formed(request), thrown

    until = time.monotonic() + SECONDS / 12
    while not statuses or time.monotonic() < until:
        one()
    print(f"\nstreams {path}: {statuses.total()} requests; {sorted(statuses.items())}")
    assert 200 in statuses
    assert quiet(scene.streams.log)


def test_the_streams_process_has_no_other_routes() -> None:
    import inspect

    from idp.streams.app import Streams

    assert inspect.getsource(Streams.__init__).count("prefix + ") == len(_ROUTES_OF_STREAMS) + 1


BROKEN = {
    "noise": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20 + b"\r\n\r\n",
    "no host": b"GET /login HTTP/1.1\r\nConnection: close\r\n\r\n",
    "two hosts": b"GET /login HTTP/1.1\r\nHost: id.example.com\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    "absolute": b"GET http://evil.example/login HTTP/1.1\r\nHost: id.example.com\r\nConnection: close\r\n\r\n",
    "authority": b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    "asterisk": b"OPTIONS * HTTP/1.1\r\nHost: id.example.com\r\nConnection: close\r\n\r\n",
    "no path": b"GET  HTTP/1.1\r\nHost: id.example.com\r\nConnection: close\r\n\r\n",
    "version": b"GET / HTTP/9.9\r\nHost: id.example.com\r\n\r\n",
    "long line": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: id.example.com\r\nConnection: close\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\nHost: id.example.com\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
    "folded": b"GET / HTTP/1.1\r\nHost: id.example.com\r\nA: b\r\n c\r\nConnection: close\r\n\r\n",
    "length twice": b"POST /token HTTP/1.1\r\nHost: id.example.com\r\nContent-Length: 3\r\n"
    b"Content-Length: 5\r\n\r\na=b",
    "length and chunks": b"POST /token HTTP/1.1\r\nHost: id.example.com\r\nContent-Length: 3\r\n"
    b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n",
    "negative length": b"POST /token HTTP/1.1\r\nHost: id.example.com\r\nContent-Length: -1\r\n\r\n",
    "huge length": b"POST /token HTTP/1.1\r\nHost: id.example.com\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "odd coding": b"POST /token HTTP/1.1\r\nHost: id.example.com\r\nTransfer-Encoding: gzip, chunked\r\n"
    b"Connection: close\r\n\r\n0\r\n\r\n",
    "bad chunk": b"POST /token HTTP/1.1\r\nHost: id.example.com\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "torn chunk": b"POST /token HTTP/1.1\r\nHost: id.example.com\r\nTransfer-Encoding: chunked\r\n\r\n5\r\na=b",
    "torn body": b"POST /token HTTP/1.1\r\nHost: id.example.com\r\nContent-Length: 50\r\n\r\na=b",
    "expects": b"POST /token HTTP/1.1\r\nHost: id.example.com\r\nExpect: 100-continue\r\nContent-Length: 3\r\n"
    b"Connection: close\r\n\r\na=b",
    "expects oddly": b"POST /token HTTP/1.1\r\nHost: id.example.com\r\nExpect: pigs\r\nContent-Length: 3\r\n"
    b"Connection: close\r\n\r\na=b",
    "upgrade": b"GET /userinfo HTTP/1.1\r\nHost: id.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    "second protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("server", ["provider", "streams"])
def test_a_message_that_is_none_hurts_nobody(scene: Scene, server: str, name: str) -> None:
    """A 4xx (a version that nobody has: 505) or a closed connection, in the time that a body has; no error."""
    port = scene.provider.port if server == "provider" else scene.streams.port
    workers = scene.provider.worker_ids()
    status, seconds = exchanged(port, BROKEN[name])
    assert status < 500 or status == 505, status
    assert seconds < 8, seconds
    assert scene.provider.worker_ids() == workers
    assert quiet(scene.provider.log)
    assert quiet(scene.streams.log)
