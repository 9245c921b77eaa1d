"""``idp serve``: Granian's WSGI server over ``idp.wsgi:app``; with ``--streams`` its ASGI server over ``idp.asgi:app``.

Why workers are forked, on Linux, from a parent that has imported everything and opened nothing: code takes
most of a worker's memory, and what was imported before the fork is there once for all of them (``gc.freeze``
keeps the collector from touching, and so copying, it). A fork would also copy open connections, threads' locks
and secrets that were read; so whatever opens anything is done by a process of its own, which is gone before the
first worker starts (``_apart``): it opens the application once, to refuse what cannot work with every problem on
stderr, and makes what the first start needs (tables, signing keys). Elsewhere workers are spawned, for system
libraries there do not bear forking.

A fork copies handlers of signals, too: until a worker has its own it would take SIGTERM for its parent's, and
be killed ``STOP_SECONDS`` later. So such a signal waits while a process forks, and then ends the new one
(``_obeyed_from_birth``), which has begun with nothing.

Why no access log of Granian's: it has the query string, where codes travel; ours (``idp.logs``) has
the path alone.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Callable
from importlib import import_module
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError, IdpError, Unavailable
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
CRASH_LOOP_SECONDS = 0.5
_GRANIAN_LOOP_SECONDS = 5.5
BACKLOG = 2048
# Requests one worker accepts beyond those its threads are at; more wait in the kernel's queue.
BACKPRESSURE = 256
MAX_HEADERS = 64 * 1024
_STOPPING = frozenset({signal.SIGTERM, signal.SIGINT})
_METHOD = "fork" if sys.platform == "linux" else "spawn"
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
    _apart(_make_ready)
    multiprocessing.set_start_method(_METHOD, force=True)
    if _METHOD == "fork":
        _import_for_all()
        _obeyed_from_birth()
    address = (arguments.host, arguments.port)
    with shared_by_workers(settings):
        if arguments.streams:
            open_files.raise_limit(settings.streams_limit + open_files.BESIDES)
            streams(*address, arguments.workers or 1, settings.streams_limit).serve()
        else:
            server(*address, arguments.workers or cores(), arguments.threads).serve()
    return Answer({"stopped": True}, "")


def _apart(act: Callable[[], None]) -> None:
    """Do it in a process of its own, which ends with all that it imported and opened. Raises what it raises."""
    context: Any = multiprocessing.get_context(_METHOD)
    outcome, told = context.Pipe(duplex=False)
    process = context.Process(target=_told, args=(act, told))
    process.start()
    told.close()
    try:
        error: IdpError | None = outcome.recv()
    except EOFError:
        raise Unavailable("the process that looks at the database has died") from None
    finally:
        process.join()
    if error is not None:
        raise error


def _told(act: Callable[[], None], told: Connection) -> None:
    try:
        act()
    except IdpError as error:
        told.send(error)
    else:
        told.send(None)


def _make_ready() -> None:
    """The database as the application needs it, and one look at whether the application can be opened."""
    settings = configured()
    database.prepare(settings)
    with application(settings) as extension:
        extension.services.keys.signer()  # a wrong master key is refused here, not at the first sign-in


def _import_for_all() -> None:
    """What every worker needs, all of it code: nothing here opens a file or a connection, or starts a thread."""
    for module in ("idp.app", "idp.courier", "idp.housekeeper"):
        import_module(module)
    gc.collect()
    gc.freeze()


def _obeyed_from_birth() -> None:
    """Every process forked from now on ends by SIGTERM, until it has a handler of its own.

    Why blocked while forking: what comes before CPython has told the new process what it is, it forgets there. SIGINT
    is ignored, for a terminal sends it to parent and workers alike, and the parent will say SIGTERM.
    """

    def forked() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        let_through()

    def let_through() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)

    os.register_at_fork(
        before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING),
        after_in_parent=let_through,
        after_in_child=forked,
    )


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

    made = Granian(
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
    made.respawned_wrks = _Respawned()
    return made


class _Respawned(dict[int, float]):
    """When each worker was started again, for Granian, which gives the whole server up where one dies twice within
    5.5 s. Only a worker that dies within ``CRASH_LOOP_SECONDS`` cannot start at all; any other is replaced, as often
    as it takes (reliability.md F-15)."""

    def get(self, worker: int, default: Any = 0) -> Any:
        """As much earlier as Granian's patience is longer than ours."""
        return super().get(worker, default) - (_GRANIAN_LOOP_SECONDS - CRASH_LOOP_SECONDS)
