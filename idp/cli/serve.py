"""``idp serve``: Granian's WSGI server over ``idp.wsgi:app``; with ``--streams`` its ASGI server over ``idp.asgi:app``.

Why workers are spawned, not forked: a fork copies open connections, locks held by other threads and
the state of native libraries; a spawned worker imports ``idp.wsgi`` and opens its own. The parent
opens the application once, to refuse what cannot work with every problem on stderr, makes what the
first start needs (tables, signing keys), and closes it before any worker starts.

Why no access log of Granian's: it has the query string, where codes travel; ours (``idp.logs``) has
the path alone.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import socket
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError
from ..metrics import shared_by_workers
from . import database, open_files
from .arguments import count, leaf, port
from .output import Answer
from .runtime import application, configured

if TYPE_CHECKING:
    from granian.constants import Interfaces
    from granian.server.common import AbstractServer

    from .arguments import Commands

STOP_SECONDS = 10
BACKLOG = 2048
# Requests one worker accepts beyond those its threads are at; more wait in the kernel's queue.
BACKPRESSURE = 256
MAX_HEADERS = 64 * 1024
_QUIET = {"handlers": [], "propagate": True}


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add ``idp serve``."""
    parser = leaf(commands, common, "serve", _run, "run the provider")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=port, default=8000, help="port to listen on (8000)")
    parser.add_argument("--workers", type=count, help="processes (as many as cores; one with --streams)")
    parser.add_argument("--threads", type=count, default=4, help="threads of each process (4)")
    parser.add_argument("--streams", action="store_true", help="serve streams of the revocation log, nothing else")


def cores() -> int:
    """Cores that this process may use, not those that the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run(arguments: argparse.Namespace) -> Answer:
    settings = configured()
    _check_address(arguments.host, arguments.port)
    database.prepare(settings)
    with application(settings) as extension:
        extension.services.keys.signer()  # a wrong master key is refused here, not at the first sign-in
    multiprocessing.set_start_method("spawn", force=True)
    address = (arguments.host, arguments.port)
    with shared_by_workers(settings):
        if arguments.streams:
            open_files.raise_limit(settings.streams_limit + open_files.BESIDES)
            streams(*address, arguments.workers or 1, settings.streams_limit).serve()
        else:
            server(*address, arguments.workers or cores(), arguments.threads).serve()
    return Answer({"stopped": True}, "")


def _check_address(host: str, port: int) -> None:
    """Raises ConfigurationError if nobody can listen there: Granian would say so in a traceback."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise ConfigurationError([f"cannot listen on {host}, port {port}: {error.strerror}"]) from None


def server(host: str, port: int, workers: int, threads: int) -> AbstractServer[Any]:
    """The provider, not yet started. It stops on SIGTERM and SIGINT, within ``STOP_SECONDS``."""
    from granian.constants import Interfaces

    return _granian(
        "idp.wsgi:app", Interfaces.WSGI, host, port, workers, blocking_threads=threads, backpressure=BACKPRESSURE
    )


def streams(host: str, port: int, workers: int, limit: int) -> AbstractServer[Any]:
    """The streams of the revocation log; ``limit`` is that of each process, who comes beyond hears 503."""
    from granian.constants import Interfaces

    return _granian("idp.asgi:app", Interfaces.ASGI, host, port, workers, backpressure=limit + BACKPRESSURE)


def _granian(
    target: str, interface: Interfaces, host: str, port: int, workers: int, **options: Any
) -> AbstractServer[Any]:  # fmt: skip
    from granian import Granian
    from granian.constants import HTTPModes
    from granian.http import HTTP1Settings

    return Granian(
        target,
        address=host,
        port=port,
        interface=interface,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(max_buffer_size=MAX_HEADERS),
        websockets=False,
        workers=workers,
        backlog=BACKLOG,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_SECONDS,
        log_access=False,
        log_dictconfig={"handlers": {}, "formatters": {}, "loggers": {"_granian": _QUIET, "granian.access": _QUIET}},
        **options,
    )
