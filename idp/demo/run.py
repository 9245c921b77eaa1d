"""``idp demo``: the provider, a third-party app and a protected API on this machine, seeded.

Three servers as child processes (Granian, as in production), on embedded SQLite. Settings of the
environment (``IDP_*``) do not reach them: people with printed passwords must never be seeded into a
database that somebody uses.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn
from urllib.parse import urlsplit

from ..errors import ConfigurationError
from .children import ChildFailedError, Children
from .people import PEOPLE
from .places import APP_ID, Places, can_bind, places_on

_START_SECONDS = 110.0
_DEFAULTS: dict[str, Any] = {"port": 8000, "app_port": 8001, "api_port": 8002, "data_dir": Path("data/demo")}


def run(arguments: argparse.Namespace) -> int:
    """Run until Ctrl-C, SIGTERM or the end of a child; 0 if we were asked to stop, else 1.

    Reads ``port``, ``app_port``, ``api_port`` and ``data_dir`` where given. Raises ConfigurationError
    if a port is taken or the data directory cannot be used.
    """
    port, app_port, api_port, data_dir = (getattr(arguments, name, None) or _DEFAULTS[name] for name in _DEFAULTS)
    return run_at(places_on(port, app_port, api_port, data_dir))


def run_at(places: Places) -> int:
    """The same for given places."""
    _check_ports(places)
    _make_directory(places.data_dir)
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with Children(places.data_dir / "logs") as children:
            _serve(places, children)
    except KeyboardInterrupt:
        print("\nStopped.", flush=True)
        return 0
    except ChildFailedError as failure:
        print(f"\n{failure}\nStopped.", file=sys.stderr, flush=True)
        return 1
    finally:
        signal.signal(signal.SIGTERM, before)


def start(places: Places, children: Children) -> None:
    """Seed, start the three servers and wait until they answer. Raises ChildFailedError."""
    environment = _environment(places)
    _seed(environment)
    _start(places, children, environment)
    children.wait_until_healthy(_START_SECONDS)


def _serve(places: Places, children: Children) -> NoReturn:
    print("Starting ...", flush=True)
    start(places, children)
    print(_welcome(places), flush=True)
    while True:
        time.sleep(0.5)
        children.check()


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _check_ports(places: Places) -> None:
    """All that are taken at once, each with what to do."""
    options = {"--port": places.issuer, "--app-port": places.app, "--api-port": places.api}
    problems = []
    for option, address in options.items():
        parts = urlsplit(address)
        if not can_bind("127.0.0.1" if parts.hostname == "localhost" else parts.hostname or "", parts.port or 0):
            problems.append(f"port {parts.port} is taken; choose another with {option}")
    if problems:
        raise ConfigurationError(problems)


def _make_directory(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigurationError(
            [f"{path} cannot be used ({error.strerror}); choose another with --data-dir"]
        ) from None


def _environment(places: Places) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("IDP_")}
    return {
        **own,
        "IDP_ISSUER": places.issuer,
        "IDP_DATA_DIR": str(places.data_dir),
        "IDP_CLIENT_REGISTRATION": "open",
        "IDP_CLIENT_ID_DOCUMENTS": "*",
        "IDP_FETCH_PRIVATE_NETWORKS": "1",
        **places.environment(),
    }


def _seed(environment: dict[str, str]) -> None:
    """In a process of its own, so that no connection of ours stays open."""
    done = subprocess.run([sys.executable, "-m", "idp.demo.seed"], env=environment, check=False)
    if done.returncode:
        raise ChildFailedError("the demo's data could not be written (see above)")


def _start(places: Places, children: Children, environment: dict[str, str]) -> None:
    port = str(urlsplit(places.issuer).port)
    provider = [sys.executable, "-m", "idp", "serve", "--port", port]
    children.start("provider", provider, environment, f"{places.issuer}/readyz")
    children.start("notes api", _granian("idp.demo.api:create", places.api), environment, f"{places.api}/healthz")
    children.start("notebook app", _granian("idp.demo.app:create", places.app), environment, f"{places.app}/healthz")


def _granian(target: str, address: str) -> list[str]:
    """One worker: what the app and the API remember is in the memory of one process."""
    parts = urlsplit(address)
    return [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--factory", "--no-ws", "--workers", "1",
        "--blocking-threads", "4", "--host", str(parts.hostname), "--port", str(parts.port), target,
    ]  # fmt: skip


def _welcome(places: Places) -> str:
    people = "\n".join(f"    {person.email:<20} {person.password}" for person in PEOPLE)
    return f"""
  Provider      {places.issuer}
  Demo app      {places.app}      (client id {APP_ID})
  Notes API     {places.api}      (accepts the provider's tokens)

  People and their passwords
{people}

  Five things to try
    1. Open {places.app}, press "Sign in", and allow the app what it asks.
    2. Press "Call the API": 200. The API checked the token by the provider's keys, and knows
       from the revocations it follows that its session lives. Press "Refresh" as often as you like.
    3. In another browser, open {places.issuer}/account/sessions, sign in as the same person,
       end the first browser's session, then press "Call the API" there again: 401 at once,
       although the token has not expired. "Refresh" is refused too. Reload the app: it has been
       told, and has signed you out (back-channel logout).
    4. Open {places.issuer}/account/apps and take the app's access away.
    5. Point your own client at {places.issuer}: it registers itself
       (POST {places.issuer}/register), discovery tells the rest.

  Data and logs are in {places.data_dir}
  Ctrl-C stops everything.
"""
