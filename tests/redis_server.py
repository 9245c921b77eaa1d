"""Throw-away Redis servers, started from the installed binary on free loopback ports, keeping nothing on disk.

with RedisServer() as server:                  server.url, server.cli("FLUSHALL")
    server.kill(); server.start()              # empty again, on the same port
    with server.paused(): …                    # SIGSTOP
    with server.replica() as replica: …        replica.cli("REPLICAOF", "NO", "ONE")
with RedisCluster(3, replicas=1) as cluster:   cluster.url
with Sentinels(server) as sentinels:           sentinels.url
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import redis

PATIENCE = 60.0
"""For machines under load; what waits so long would wait for ever."""


def available() -> bool:
    """Is the binary installed?"""
    return shutil.which("redis-server") is not None


class RedisServer:
    """One server. ``settings`` are those of redis.conf (``maxmemory="2mb"``, ``port="7000"``)."""

    def __init__(self, **settings: str) -> None:
        named = {name.replace("_", "-"): value for name, value in settings.items()}
        self._settings = {"save": "", "appendonly": "no", "bind": "127.0.0.1", "maxmemory-policy": "noeviction"} | named
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.folder = Path()

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="idp-redis-"))
        self.port = free_port()
        self.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def url(self) -> str:
        """``IDP_REDIS_URL``."""
        return f"redis://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Of the server process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start (again, on the same port, empty) and wait until it answers."""
        options = [part for name, value in self._settings.items() for part in (f"--{name}", value)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["redis-server", *self._file(), "--port", str(self.port), "--dir", str(self.folder), *options],
                stdout=log, stderr=log,
            )  # fmt: skip
        until(self._answers, lambda: (self.folder / "log").read_text())

    def _file(self) -> list[str]:
        return []

    def kill(self) -> None:
        """SIGKILL, which a stopped process takes too."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)
            self._process = None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It accepts connections and answers nothing (SIGSTOP), and then goes on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def cli(self, *words: str | int) -> Any:
        """One command; its answer as text."""
        with self.client() as client:
            return client.execute_command(*words)

    def client(self) -> redis.Redis:
        """A patient client of the test's own."""
        return redis.Redis(port=self.port, decode_responses=True, socket_timeout=PATIENCE)

    def info(self, section: str) -> dict[str, Any]:
        """INFO."""
        with self.client() as client:
            found: dict[str, Any] = client.info(section)
            return found

    @contextmanager
    def replica(self) -> Iterator[RedisServer]:
        """Another server that follows this one, in step from the beginning."""
        with RedisServer(replicaof=f"127.0.0.1 {self.port}", **{"repl-diskless-sync-delay": "0"}) as other:
            until(lambda: other.info("replication").get("master_link_status") == "up")
            yield other

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.exceptions.BusyLoadingError:
            return False
        except redis.exceptions.ConnectionError:
            return False


class RedisCluster:
    """``primaries`` servers with ``replicas`` each, sharing all hash slots."""

    def __init__(self, primaries: int = 3, replicas: int = 1, **settings: str) -> None:
        self._shape = (primaries, replicas)
        self._settings = {"cluster-enabled": "yes", "cluster-node-timeout": "2000"} | settings
        self._stack = ExitStack()
        self.servers: list[RedisServer] = []

    def __enter__(self) -> Self:
        primaries, replicas = self._shape
        with ExitStack() as stack:
            for _ in range(primaries * (1 + replicas)):
                self.servers.append(stack.enter_context(RedisServer(**self._settings)))
            self._join(primaries, replicas)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        """``IDP_REDIS_URL``; half of the servers are enough to find the others."""
        hosts = [f"127.0.0.1:{server.port}" for server in self.servers[:3]]
        return f"redis+cluster://{','.join(hosts)}"

    def at(self, port: int) -> RedisServer:
        """The server that listens there."""
        return next(server for server in self.servers if server.port == port)

    def _join(self, primaries: int, replicas: int) -> None:
        hosts = [f"127.0.0.1:{server.port}" for server in self.servers]
        command = ["redis-cli", "--cluster", "create", *hosts, "--cluster-replicas", str(replicas), "--cluster-yes"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE * 2, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        until(lambda: all(self._whole(server, primaries, replicas) for server in self.servers), lambda: done.stdout)

    def _whole(self, server: RedisServer, primaries: int, replicas: int) -> bool:
        """Does this server know of every slot, every primary and every replica, in step?"""
        info = str(server.cli("CLUSTER", "INFO"))
        nodes = server.cli("CLUSTER", "SLOTS")
        complete = len(nodes) == primaries and all(len(entry) == 3 + replicas for entry in nodes)
        replication = server.info("replication")
        in_step = replication["role"] == "master" or replication["master_link_status"] == "up"
        return "cluster_state:ok" in info and complete and in_step


class _Sentinel(RedisServer):
    """A server that watches others; it writes its configuration, so it has a file."""

    def __init__(self, watched: RedisServer, service: str, quorum: int) -> None:
        super().__init__()
        self._settings = {"bind": "127.0.0.1"}
        self._lines = [
            f"sentinel monitor {service} 127.0.0.1 {watched.port} {quorum}",
            f"sentinel down-after-milliseconds {service} 1000",
            f"sentinel failover-timeout {service} 5000",
        ]

    def _file(self) -> list[str]:
        path = self.folder / "sentinel.conf"
        if not path.exists():
            path.write_text("\n".join([f"port {self.port}", *self._lines]) + "\n")
        return [str(path), "--sentinel"]


class Sentinels:
    """Three of them, watching one primary and whatever follows it."""

    def __init__(self, watched: RedisServer, count: int = 3) -> None:
        self._watched = watched
        self._count = count
        self._stack = ExitStack()
        self.service = "idp"
        self.servers: list[RedisServer] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for _ in range(self._count):
                sentinel = _Sentinel(self._watched, self.service, self._count // 2 + 1)
                self.servers.append(stack.enter_context(sentinel))
            until(lambda: all(self._acquainted(server) for server in self.servers))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        """``IDP_REDIS_URL``."""
        return f"redis+sentinel://{','.join(f'127.0.0.1:{server.port}' for server in self.servers)}/{self.service}"

    def primary(self) -> int:
        """The port of the server that the first Sentinel takes for primary."""
        return int(self.servers[0].cli("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.service)[1])

    def _acquainted(self, server: RedisServer) -> bool:
        return len(server.cli("SENTINEL", "SENTINELS", self.service)) == self._count - 1


def until(true: Callable[[], object], why: Callable[[], object] = lambda: "it never came true") -> None:
    """Wait for it, patiently."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, why()
        time.sleep(0.02)


def free_port() -> int:
    """A port below the ephemeral ones would be safer still; a Cluster needs port + 10000 as well."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        candidate = 10000 + port % 20000
        if _all_free((candidate, candidate + 10000)):
            return candidate


def _all_free(ports: Sequence[int]) -> bool:
    for port in ports:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
