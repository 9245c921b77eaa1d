"""The hot copy over TLS (``rediss://``): with the authority that was named, and with no other."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from redis.connection import parse_url

from idp.errors import ConfigurationError
from idp.storage.redis_tls import TlsConnection, with_tls

from ..certificates import a_certificate
from ..redis_server import PATIENCE, RedisServer, free_port, until
from .hot import hot_copy
from .test_hot_copy import a_liveness, fill


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return a_certificate(tmp_path)


@pytest.fixture
def url(redis: RedisServer, certificate: Path) -> Iterator[str]:
    """A server that also listens for TLS. ``redis`` says what is missing."""
    port = free_port()
    with RedisServer(**listening(port, certificate)):
        yield f"rediss://127.0.0.1:{port}"


def listening(port: int, certificate: Path) -> dict[str, str]:
    """Settings of a server that listens for TLS there."""
    files = dict.fromkeys(("tls_cert_file", "tls_key_file", "tls_ca_cert_file"), str(certificate))
    return {"tls_port": str(port), "tls_auth_clients": "no", **files}


class TlsSentinel(RedisServer):
    """It watches a server that speaks TLS, and speaks TLS itself; like every Sentinel it writes its own file."""

    def __init__(self, watched: int, port: int, certificate: Path) -> None:
        super().__init__()
        self._settings = {"bind": "127.0.0.1"}
        lines = listening(port, certificate) | {"tls_replication": "yes"}
        self._lines = [f"{name.replace('_', '-')} {value}" for name, value in lines.items()]
        self._lines.append(f"sentinel monitor idp 127.0.0.1 {watched} 1")

    def _file(self) -> list[str]:
        path = self.folder / "sentinel.conf"
        path.write_text("\n".join([f"port {self.port}", *self._lines]) + "\n")
        return [str(path), "--sentinel"]


def eventually(act: Callable[[], object]) -> None:
    """The budget of an exchange holds a handshake, too; on a machine under load not the first time."""
    end = time.monotonic() + PATIENCE
    while not act():
        assert time.monotonic() < end
        time.sleep(0.5)


def test_leases_and_marks(url: str, certificate: Path) -> None:
    it_works(f"{url}?ssl_ca_certs={certificate}")


def test_leases_and_marks_behind_sentinel(url: str, certificate: Path) -> None:
    port = free_port()
    with TlsSentinel(int(url.rpartition(":")[2]), port, certificate):
        it_works(f"rediss+sentinel://127.0.0.1:{port}/idp?ssl_ca_certs={certificate}")


def test_leases_and_marks_in_a_cluster(redis: RedisServer, certificate: Path) -> None:
    port = free_port()
    with RedisServer(cluster_enabled="yes", tls_cluster="yes", **listening(port, certificate)) as server:
        server.cli("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        until(lambda: "cluster_state:ok" in str(server.cli("CLUSTER", "INFO")))
        it_works(f"rediss+cluster://127.0.0.1:{port}?ssl_ca_certs={certificate}")


def it_works(url: str) -> None:
    copy, found = hot_copy(url), a_liveness()

    def leased() -> bool:
        if copy.look_up(found.sid).ticket is not None:
            fill(copy, found)
        return copy.look_up(found.sid).lease == found

    eventually(leased)
    eventually(lambda: copy.mark([found.sid]))
    eventually(lambda: copy.look_up(found.sid).ended)


def test_the_authorities_are_read_once(url: str, certificate: Path) -> None:
    """redis-py would read them for every connection, for longer than an exchange may take."""
    options = parsed(f"{url}?ssl_ca_certs={certificate}")
    first, second = TlsConnection(**options), TlsConnection(**options)
    read = first.context()
    assert second.context() is read
    assert len(read.get_ca_certs()) == 1, "the one that was named, and none of the system's"
    os.utime(certificate, (1, 1))
    assert second.context() is not read, "it was replaced"


def parsed(url: str) -> dict[str, Any]:
    options = with_tls(dict(parse_url(url)))  # type: ignore[no-untyped-call]
    assert options.pop("connection_class") is TlsConnection
    return options


@pytest.mark.parametrize("query", ["ssl_ca_certs=/nowhere.pem", "ssl_ca_certs=/etc/passwd"])
def test_what_is_no_authority_is_said_at_the_start(query: str) -> None:
    with pytest.raises(ConfigurationError, match="TLS"):
        hot_copy(f"rediss://127.0.0.1:1?{query}")


def test_a_server_of_another_authority_is_no_server(url: str, tmp_path: Path) -> None:
    """Whoever stands between cannot say that a session lives."""
    (tmp_path / "other").mkdir()
    stranger = hot_copy(f"{url}?ssl_ca_certs={a_certificate(tmp_path / 'other')}")
    sid: UUID = uuid4()
    for _ in range(3):
        answer = stranger.look_up(sid)
        assert (answer.lease, answer.ticket, answer.ended) == (None, None, False)
        assert not stranger.mark([sid])
