"""A provider of several workers over servers that can be made to fail, each worker behind proxies of its own.

Every worker is an ``idp serve`` with one process, on a port of its own, under one issuer: so one of them can
be killed, shifted in time, or cut off from one of its servers while the others go on.
"""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar
from uuid import UUID

from sqlalchemy import make_url, select

from idp.domain.client import ClientOrigin
from idp.errors import Unavailable
from idp.storage.tables import Base
from tests.builders import a_user
from tests.demo_stack import free_ports
from tests.redis_server import RedisCluster, RedisServer
from tests.running import ROOT, RunningProvider

from .disk import Disk
from .operators import Operator, operating
from .servers import MortalPostgres
from .tcp_proxy import TcpProxy

T = TypeVar("T")

PASSWORD = "correct horse battery staple"
CALLBACK = "https://app.example/callback"
GRACE_SECONDS = 120


@dataclass
class Worker:
    """One ``idp serve``. ``database`` is its proxy, None on SQLite; ``clock`` the file that shifts its time."""

    name: str
    provider: RunningProvider
    database: TcpProxy | None
    redis: TcpProxy | None
    clock: Path

    @property
    def port(self) -> int:
        return self.provider.port

    def shift(self, seconds: float) -> None:
        """Its clock is ahead (or behind, if negative) from now on. Its monotonic clock is not touched."""
        self.clock.write_text(f"{seconds:+.3f}")
        time.sleep(0.3)  # the file is read five times a second

    def kill(self) -> None:
        """kill -9 of whatever answers; its parent starts another."""
        with suppress(ProcessLookupError, IndexError):
            self.provider.kill_worker()

    def signal(self, number: signal.Signals) -> None:
        """To the process that answers."""
        for pid in self.provider.worker_ids():
            with suppress(ProcessLookupError):
                os.kill(pid, number)


@dataclass
class Stage:
    """``with Stage(folder, "redis") as stage:`` everything runs and is migrated.

    Kinds: ``sqlite``; ``postgresql``; ``redis`` is PostgreSQL and one Redis; ``cluster`` is PostgreSQL and a Redis
    Cluster of three primaries with a replica each, which names its own addresses and so has no proxies.
    """

    folder: Path
    kind: str
    count: int = 3
    extra: dict[str, str] = field(default_factory=dict)
    workers: list[Worker] = field(default_factory=list)
    postgres: MortalPostgres | None = None
    redis: RedisServer | None = None
    cluster: RedisCluster | None = None
    courier: subprocess.Popen[bytes] | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.folder.mkdir(parents=True, exist_ok=True)
            url = self._database(stack)
            self.settings = self._settings(url) | self._hot_copy(stack)
            self.operator: Operator = stack.enter_context(operating(self.settings, migrate=True))
            self.operator.services.keys.ensure()
            for number in range(self.count):
                self.workers.append(self._worker(number, url, stack))
            self.start(self.workers)
            stack.callback(self.stop_courier)
            self.start_courier()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self, workers: Sequence[Worker]) -> None:
        """All of them at once: each takes seconds, most of them waiting."""
        with ThreadPoolExecutor(len(workers)) as pool:
            list(pool.map(lambda worker: worker.provider.start(), workers))

    def start_courier(self) -> None:
        """``idp worker``: what the outbox holds is delivered, marks for the hot copy among it."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("IDP_")}
        environment = {**own, "PYTHONPATH": str(ROOT), **{k: v for k, v in self.settings.items() if v}}
        with (self.folder / "courier.log").open("ab") as out:
            self.courier = subprocess.Popen(
                [sys.executable, "-m", "idp", "worker"], cwd=self.folder, env=environment, stdout=out, stderr=out
            )

    def stop_courier(self) -> None:
        """SIGKILL: what it had in hand must not be lost by that."""
        if self.courier is not None:
            self.courier.kill()
            self.courier.wait()

    # ── set up ───────────────────────────────────────────────────────────────────────────────────

    def _database(self, stack: ExitStack) -> str:
        if self.kind == "sqlite":
            self.disk = stack.enter_context(Disk(self.folder / "data", self.worker_ids))
            return ""
        self.postgres = stack.enter_context(MortalPostgres())
        return self.postgres.new_database()

    def _hot_copy(self, stack: ExitStack) -> dict[str, str]:
        if self.kind == "redis":
            self.redis = stack.enter_context(RedisServer())
            return {"IDP_REDIS_URL": self.redis.url}
        if self.kind == "cluster":
            self.cluster = stack.enter_context(RedisCluster(3, replicas=1))
            return {"IDP_REDIS_URL": self.cluster.url}
        return {}

    def _settings(self, url: str) -> dict[str, str]:
        self.issuer = f"http://127.0.0.1:{free_ports(1)[0]}"
        return {
            "IDP_ISSUER": self.issuer, "IDP_DATA_DIR": str(self.folder / "data"), "IDP_DATABASE_URL": url,
            "IDP_MASTER_KEY": base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode(),
            "IDP_LOG_LEVEL": "warning", "IDP_TRUSTED_PROXIES": "127.0.0.1", "IDP_CLIENT_REGISTRATION": "open",
            "IDP_PROOF_LIFE": "3600", "IDP_ACCESS_TOKEN_LIFE": "3600", "IDP_REFRESH_GRACE": str(GRACE_SECONDS),
            **self.extra,
        }  # fmt: skip

    def _worker(self, number: int, url: str, stack: ExitStack) -> Worker:
        name, own = f"worker {number}", dict(self.settings)
        database = redis = None
        if self.postgres is not None:
            database = stack.enter_context(TcpProxy(self.postgres.port))
            own["IDP_DATABASE_URL"] = _behind(url, database.port)
        if self.redis is not None:
            redis = stack.enter_context(TcpProxy(self.redis.port))
            own["IDP_REDIS_URL"] = f"redis://127.0.0.1:{redis.port}"
        clock = self.folder / f"clock-{number}"
        clock.write_text("+0")
        own |= {"FAULTS_CLOCK": str(clock), "FAULTS_BEGUN": str(self.begun)}
        provider = RunningProvider(
            self.folder / f"worker-{number}", workers=1, settings=own, program="tests.faults.serve"
        )
        stack.callback(provider.stop)
        return Worker(name, provider, database, redis, clock)

    @property
    def begun(self) -> Path:
        """The names (``X-Request-ID``) of the requests that any worker has begun with, a line each."""
        return self.folder / "begun"

    @property
    def sqlite_path(self) -> Path:
        """The embedded database."""
        return self.folder / "data" / "idp.sqlite"

    def worker_ids(self) -> list[int]:
        """Process ids of all that answer."""
        return [pid for worker in self.workers for pid in worker.provider.worker_ids()]

    @staticmethod
    def patiently(act: Callable[[], T]) -> T:
        """An operator's act, again while the database is not there: connections may be older than its last restart."""
        for _ in range(40):
            try:
                return act()
            except Unavailable:
                time.sleep(0.1)
        return act()

    def rotate_key(self) -> None:
        """As an operator in a hurry does."""

        def act() -> None:
            with self.operator.services.work():
                self.operator.services.keys.rotate(force=True)

        self.patiently(act)

    # ── cast ─────────────────────────────────────────────────────────────────────────────────────

    def apps(self) -> list[dict[str, Any]]:
        """Two trusted apps, of which one keeps its access when its person signs out."""
        return [self.app(offline) for offline in (False, True)]

    def app(self, offline: bool, **members: Any) -> dict[str, Any]:
        """One; ``members`` as an operator sets them."""
        metadata = {
            "client_name": "Phone" if offline else "Web", "redirect_uris": [CALLBACK],
            "post_logout_redirect_uris": [CALLBACK], "token_endpoint_auth_method": "client_secret_post",
            "grant_types": ["authorization_code", "refresh_token"], "scope": "openid offline_access",
        }  # fmt: skip
        with self.operator.services.work():
            new = self.operator.services.clients.create(metadata, origin=ClientOrigin.OPERATOR, trusted=True, **members)
        return {"client_id": new.client.client_id, "secret": new.client_secret or "", "offline": offline}

    def people(self, count: int, name: str = "person") -> list[str]:
        """Email addresses of new people, all with ``PASSWORD``: hashed once, for that is what takes time."""
        hashed, now = self.operator.stores.passwords.hash(PASSWORD), self.operator.stores.clock.now()
        made = [
            a_user(email=f"{name}{n}@example.com", password_hash=hashed, created_at=now, updated_at=now)
            for n in range(count)
        ]
        for user in made:
            self.patiently(partial(self.operator.stores.users.add, user))
        return [user.email for user in made]

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where the workers are asked."""
        return [(worker.name, worker.port) for worker in self.workers]

    def counters(self, families: Iterable[str]) -> dict[str, int]:
        """What storage says of refresh families, by their ids in hex."""
        table = Base.metadata.tables["refresh_families"]
        wanted = set(families)
        self.operator.engine.dispose()  # its connections may be older than the last restart
        with self.operator.engine.connect() as connection:
            rows = connection.execute(select(table.c.id, table.c.counter)).all()
        return {row.id.hex: row.counter for row in rows if row.id.hex in wanted}

    @property
    def plain_url(self) -> str:
        """The database's, for psycopg itself; not by any proxy."""
        return self.settings["IDP_DATABASE_URL"].replace("+psycopg", "")

    def ended(self, sid: str) -> bool:
        """Has this client session ended, in storage?"""
        found = self.operator.stores.client_sessions.get(UUID(sid))
        return found is not None and found.ended_at is not None

    def logs(self) -> str:
        """What the workers wrote."""
        courier = self.folder / "courier.log"
        return "".join(path.read_text() for path in (*(worker.provider.log for worker in self.workers), courier))


def _behind(url: str, port: int) -> str:
    return make_url(url).set(port=port).render_as_string(hide_password=False)
