"""Who is measured: the provider, two peers from their registries, and the bare functions; each a server of its own.

The peers are installed once, from lock files in ``peers/``, into ``~/.cache/idp-bench`` (``BENCH_CACHE``).
A peer that cannot be installed or started is left out, and the report says so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.packaging.serving import free_port
from tests.postgres import PostgresServer
from tests.redis_server import RedisServer

from .children import BenchFailed, Server, cache, running, wait

PEERS = Path(__file__).with_name("peers")
SECRET = "bench-secret-of-photos"
_INSTALL_SECONDS = 240
FAILURES = (BenchFailed, OSError, subprocess.SubprocessError)


@dataclass(frozen=True)
class Peer:
    """A running peer, and the tokens and codes made for it."""

    server: Server
    codes: list[str]
    access: list[str]
    refresh: list[str]


# ── oidc-provider ─────────────────────────────────────────────────────────────────────────────────


def install_node_peer() -> Path:
    """Its directory. Raises one of ``FAILURES``."""
    folder = cache() / "oidc-provider"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "provider.mjs"):
        shutil.copy(PEERS / name, folder / name)
    if not (folder / "node_modules" / "oidc-provider").is_dir():
        _run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], folder)
    return folder


@contextmanager
def node_peer(folder: Path, workers: int) -> Iterator[Peer]:
    """oidc-provider over a Redis of its own, without persistence."""
    installed, port, seeded = install_node_peer(), free_port(), folder / "node.json"
    with RedisServer() as redis:
        settings = {"PORT": str(port), "REDIS_URL": redis.url, "PROCESSES": str(workers), "SEEDED": str(seeded),
                    "NODE_ENV": "production"}  # fmt: skip
        command = ["node", "provider.mjs"]
        with running(command, folder / "node.log", settings, installed) as process:
            wait(process, folder / "node.log", f"http://127.0.0.1:{port}/.well-known/openid-configuration", workers)
            yield _peer(Server(port, process.pid), seeded)


# ── django-oauth-toolkit ──────────────────────────────────────────────────────────────────────────


def install_django_peer() -> Path:
    """The folder of its programs. Raises one of ``FAILURES``."""
    venv = cache() / "django-oauth-toolkit"
    wanted = (PEERS / "requirements.txt").read_text()
    stamp = venv / "installed.txt"
    if not stamp.is_file() or stamp.read_text() != wanted:
        _run([sys.executable, "-m", "venv", str(venv)], PEERS)
        _run([str(venv / "bin" / "pip"), "--disable-pip-version-check", "install", "--quiet", "--requirement",
              str(PEERS / "requirements.txt")], PEERS)  # fmt: skip
        stamp.write_text(wanted)
    return venv / "bin"


@contextmanager
def django_peer(folder: Path, postgres: PostgresServer, workers: int, threads: int) -> Iterator[Peer]:
    """django-oauth-toolkit on the same PostgreSQL, in a database of its own."""
    programs, port, seeded = install_django_peer(), free_port(), folder / "django.json"
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    database = postgres.new_database().rpartition("/")[2]
    settings = {"PGPORT": str(postgres.port), "PGDATABASE": database, "RSA_KEY": key.decode(),
                "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip
    _run([str(programs / "python"), "django_peer.py", str(seeded)], PEERS, settings)
    command = [str(programs / "granian"), "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
               "--workers", str(workers), "--blocking-threads", str(threads), "--no-ws", "django_peer:app"]  # fmt: skip
    with running(command, folder / "django.log", settings, PEERS) as process:
        wait(process, folder / "django.log", f"http://127.0.0.1:{port}/o/.well-known/jwks.json", workers)
        yield _peer(Server(port, process.pid), seeded)


# ── inside ────────────────────────────────────────────────────────────────────────────────────────


def _peer(server: Server, seeded: Path) -> Peer:
    made = json.loads(seeded.read_text())
    return Peer(server, made["codes"], made["access"], made["refresh"])


def _run(command: list[str], folder: Path, settings: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **(settings or {})}, capture_output=True, text=True, check=False,
        timeout=_INSTALL_SECONDS,
    )  # fmt: skip
    if done.returncode:
        raise BenchFailed(f"{' '.join(command[:3])}: {done.stderr[-800:]}")
