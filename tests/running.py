"""A real provider for tests: ``python -m idp serve`` with two workers, on SQLite or PostgreSQL.

``operator`` reaches into the same database from this process, as ``idp`` on the command line does, so a
test need not start a process to make a client or to disable a person. Processes are ended by their ids,
also when a test fails. Starting takes seconds: share one server among the tests of a module.
"""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import requests
from sqlalchemy import Engine, create_engine

from idp.domain.ports import Stores
from idp.paths import MIGRATIONS
from idp.services import Services, build
from idp.settings import Settings
from idp.storage.database import engine_options
from idp.storage.migrate import upgrade
from idp.storage.stores import build_stores
from tests.demo_stack import free_ports
from tests.processes import workers_of

ROOT = Path(__file__).parents[1]
START_SECONDS, STOP_SECONDS = 150.0, 20.0


@dataclass(frozen=True)
class Operator:
    """The provider's services over the same database, in this process."""

    settings: Settings
    stores: Stores
    services: Services
    engine: Engine


@dataclass
class RunningProvider:
    """One server process with its workers. ``folder`` holds its data and its log."""

    folder: Path
    database_url: str = ""
    workers: int = 2
    settings: dict[str, str] = field(default_factory=dict)
    port: int = 0
    program: str = "idp"
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.port = self.port or free_ports(1)[0]
        master_key = base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
        self.settings = {
            "IDP_ISSUER": self.issuer, "IDP_DATA_DIR": str(self.folder / "data"), "IDP_MASTER_KEY": master_key,
            "IDP_DATABASE_URL": self.database_url, "IDP_LOG_LEVEL": "warning", **self.settings,
        }  # fmt: skip

    @property
    def issuer(self) -> str:
        """Where it is asked; loopback by address, so that no resolver is in the way."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What the process wrote."""
        return self.folder / "serve.log"

    @property
    def environment(self) -> dict[str, str]:
        """Ours without any IDP_*, with this provider's settings."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("IDP_")}
        return {**own, "PYTHONPATH": str(ROOT), **{name: value for name, value in self.settings.items() if value}}

    # ── life ─────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Start and wait until it is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        served = ["serve", "--port", str(self.port), "--workers", str(self.workers)]
        command = [sys.executable, "-m", self.program, *served]
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True,
            )  # fmt: skip
        self._wait()

    def stop(self) -> None:
        """Ask it to stop; after that nothing of it is left."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.crash()
        self.process = None

    def crash(self) -> None:
        """kill -9 of the process group that ``start`` made: the parent and every worker."""
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_SECONDS)
        self.process = None

    def kill_worker(self) -> None:
        """kill -9 of one worker; its parent may replace it or give up."""
        os.kill(self.worker_ids()[0], signal.SIGKILL)

    def worker_ids(self) -> list[int]:
        """Process ids of the workers (not of multiprocessing's resource tracker)."""
        assert self.process is not None
        return workers_of(self.process.pid)

    def connections_of(self, worker: int) -> int:
        """How many established connections to our port this worker holds."""
        inodes = set()
        for name in ("tcp", "tcp6"):
            for line in Path(f"/proc/{worker}/net/{name}").read_text().splitlines()[1:]:
                parts = line.split()
                if int(parts[1].rpartition(":")[2], 16) == self.port and parts[3] == "01":
                    inodes.add(f"socket:[{parts[9]}]")
        held = Path(f"/proc/{worker}/fd")
        return sum(_target(link) in inodes for link in held.iterdir())

    def _wait(self) -> None:
        assert self.process is not None
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            with suppress(requests.RequestException):
                if requests.get(f"{self.issuer}/readyz", timeout=2).status_code == 200:
                    return
            time.sleep(0.1)
        self.crash()
        raise AssertionError(f"idp serve does not answer:\n{self.log.read_text()[-4000:]}")


@contextmanager
def operating(provider: RunningProvider) -> Iterator[Operator]:
    """Services over the provider's database, migrated; connections are closed at the end."""
    settings = Settings(
        issuer=provider.issuer, data_dir=provider.folder / "data", database_url=provider.database_url,
        master_key=provider.settings["IDP_MASTER_KEY"],
        database_pooler=provider.settings.get("IDP_DATABASE_POOLER", "none"),
    )  # fmt: skip
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    engine = create_engine(settings.sql_url, **engine_options(settings.sql_url, 4, pooled=settings.pooled))
    try:
        upgrade(engine, MIGRATIONS)
        master_keys = settings.master_keys()
        stores = build_stores(engine, master_keys, MIGRATIONS)
        yield Operator(settings, stores, build(stores, settings, master_keys), engine)
    finally:
        engine.dispose()


@contextmanager
def running(provider: RunningProvider) -> Iterator[RunningProvider]:
    """Started; stopped at the end whatever happens."""
    try:
        provider.start()
        yield provider
    finally:
        provider.stop()


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""
