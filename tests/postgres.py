"""A throw-away PostgreSQL, started from the installed binaries on a free loopback port.

``with PostgresServer() as server: url = server.new_database()``. Needs no root and no service; as
root it runs the server as an unprivileged user, for PostgreSQL refuses to be root.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from .processes import children_of

_SPEED = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "150",
    "autovacuum": "off",
}
_UNPRIVILEGED = ("postgres", "nobody")


def binary(name: str) -> str | None:
    """The newest installed ``name``, or None."""
    versioned = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    return str(versioned[-1]) if versioned else shutil.which(name)


def available() -> bool:
    """Are the binaries installed?"""
    return binary("initdb") is not None and binary("postgres") is not None


class PostgresServer:
    """One cluster in a temporary directory. ``settings`` override those for speed (``fsync="on"``)."""

    def __init__(self, **settings: str) -> None:
        self._settings = _SPEED | settings
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.folder = Path()

    def __enter__(self) -> Self:
        self.folder = _new_folder()
        self._run("initdb", "-D", str(self.data), "-U", "idp", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")
        self.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def data(self) -> Path:
        """The cluster's directory."""
        return self.folder / "data"

    def start(self) -> None:
        """Start (again, on the same port) and wait until it answers."""
        self.port = self.port or free_port()
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [_must("postgres"), "-D", str(self.data), "-p", str(self.port), "-h", "127.0.0.1", "-k", "", *options],
                stdout=log, stderr=log, user=unprivileged_user(), cwd=self.folder,
            )  # fmt: skip
        self._wait()

    def kill(self) -> None:
        """Stop at once, as a crash would (SIGQUIT, immediate shutdown)."""
        if self._process is not None:
            self.resume()
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(30)
            self._process = None

    def crash(self) -> None:
        """kill -9 of every process, as a machine that is gone."""
        for process in reversed(self.processes()):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        if self._process is not None:
            self._process.wait(30)
            self._process = None

    @contextmanager
    def standby(self, name: str = "standby", **settings: str) -> Iterator[PostgresServer]:
        """A streaming standby of this server, started; ``name`` is what ``synchronous_standby_names`` may say."""
        made = PostgresServer(**{**self._settings, "synchronous_standby_names": "", **settings})
        made.folder = _new_folder()
        try:
            source = f"host=127.0.0.1 port={self.port} user=idp application_name={name}"
            made._run("pg_basebackup", "-D", str(made.data), "-d", source, "-R", "-X", "stream", "-c", "fast")
            made.start()
            yield made
        finally:
            made.__exit__(None, None, None)

    def promote(self) -> None:
        """Make a primary of a standby."""
        self.execute("SELECT pg_promote(true, 60)")

    def pause(self) -> None:
        """Stop every process of the server where it stands (SIGSTOP): it takes connections and answers nothing."""
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let them go on."""
        self._send(signal.SIGCONT)

    def limit_files(self, size: int | None) -> None:
        """No file may be written to beyond so many bytes: a disk that is full, but for the log of changes."""
        limit = f"--fsize={'unlimited' if size is None else size}:"
        for process in self.processes():
            command = ["prlimit", "--pid", str(process), limit]  # as the same user: others may not
            subprocess.run(command, user=unprivileged_user(), capture_output=True, check=False)

    def _send(self, number: signal.Signals) -> None:
        for process in self.processes():
            with suppress(ProcessLookupError):
                os.kill(process, number)

    def processes(self) -> list[int]:
        """Process ids: the server's own and one for each connection."""
        if self._process is None:
            return []
        return [self._process.pid, *children_of(self._process.pid)]

    def new_database(self, template: str = "template0") -> str:
        """Make a database; its SQLAlchemy URL."""
        name = f"idp_{os.getpid()}_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of a database of this server."""
        return f"postgresql+psycopg://idp@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run a statement as superuser, in autocommit."""
        with psycopg.connect(
            host="127.0.0.1", port=self.port, user="idp", dbname=database, autocommit=True
        ) as connection:
            connection.execute(statement.encode())

    def _run(self, name: str, *arguments: str) -> None:
        done = subprocess.run(
            [_must(name), *arguments],
            user=unprivileged_user(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{name} failed: {done.stderr}")

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                self.execute("SELECT 1")
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise RuntimeError((self.folder / "log").read_text()) from None
                time.sleep(0.05)
            else:
                return


def _new_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="idp-postgres-"))
    user = unprivileged_user()
    if user is not None:
        shutil.chown(folder, user)
    return folder


def _must(name: str) -> str:
    found = binary(name)
    if found is None:
        raise RuntimeError(f"{name} is not installed")
    return found


def unprivileged_user() -> str | None:
    """Whom servers run as that refuse to be root; None if we are not root ourselves."""
    if os.getuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in _UNPRIVILEGED if name in known)


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
