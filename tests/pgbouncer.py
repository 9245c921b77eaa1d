"""A throw-away PgBouncer in transaction mode, before a ``PostgresServer``, on a free loopback port.

``with PgBouncer(server) as pooler: url = pooler.url(name)``. As root it runs as an unprivileged user, for it
refuses to be root. It has fewer connections than its clients, so that they really change from one to the next.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from .postgres import PostgresServer, free_port, unprivileged_user

_PLACES = (shutil.which("pgbouncer") or "", "/usr/sbin/pgbouncer")
SERVER_CONNECTIONS = 4


def binary() -> str | None:
    """The installed ``pgbouncer``, or None. Debian puts it where only root looks."""
    return next((place for place in _PLACES if place and os.access(place, os.X_OK)), None)


class PgBouncer:
    """One pooler. ``settings`` are those of its ini file."""

    def __init__(self, server: PostgresServer, **settings: str) -> None:
        self._server = server
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.folder = Path()

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="idp-pgbouncer-"))
        self.port = free_port()
        (self.folder / "users").write_text('"idp" ""\n')
        (self.folder / "ini").write_text(self._ini())
        if unprivileged_user() is not None:
            for path in (self.folder, *self.folder.iterdir()):
                shutil.chown(path, unprivileged_user())
        self.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _ini(self) -> str:
        settings = {
            "listen_addr": "127.0.0.1", "listen_port": str(self.port), "unix_socket_dir": "", "auth_type": "trust",
            "auth_file": str(self.folder / "users"), "pool_mode": "transaction", "max_client_conn": "500",
            "default_pool_size": str(SERVER_CONNECTIONS), "server_connect_timeout": "2", "server_login_retry": "1",
            **self._settings,
        }  # fmt: skip
        lines = "\n".join(f"{name} = {value}" for name, value in settings.items())
        return f"[databases]\n* = host=127.0.0.1 port={self._server.port}\n[pgbouncer]\n{lines}\n"

    def start(self) -> None:
        """Start (again, on the same port) and wait until it answers."""
        found = binary()
        assert found is not None, "pgbouncer is not installed"
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [found, str(self.folder / "ini")], stdout=log, stderr=log, user=unprivileged_user(), cwd=self.folder
            )
        self._wait()

    def kill(self) -> None:
        """Stop at once: its clients lose their connections."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of a database behind it."""
        return f"postgresql+psycopg://idp@127.0.0.1:{self.port}/{database}"

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                with psycopg.connect(host="127.0.0.1", port=self.port, user="idp", dbname="postgres") as connection:
                    connection.execute("SELECT 1")
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise RuntimeError((self.folder / "log").read_text()) from None
                time.sleep(0.05)
            else:
                return
