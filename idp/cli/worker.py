"""``idp worker``: everything that must happen without anybody asking, in a process of its own.

Deliveries (back-channel logout, mail, marks in the hot copy), endings by age, key rotation, the sweeper.
Any number may run, on any number of machines: each step is a claim. ``idp serve`` does the same inside
its own processes unless IDP_HOUSEKEEPING is off.
"""

from __future__ import annotations

import argparse
import signal
import threading
from typing import TYPE_CHECKING, Any

import structlog

from .. import housekeeper
from ..courier import Courier
from . import database
from .arguments import count, leaf
from .output import Answer
from .runtime import application, configured

if TYPE_CHECKING:
    from .arguments import Commands

log = structlog.stdlib.get_logger(__name__)


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add ``idp worker``."""
    parser = leaf(commands, common, "worker", _run, "deliver notices and mail, end sessions by age, sweep, rotate keys")
    parser.add_argument("--once", action="store_true", help="do what is due now, and end")
    parser.add_argument("--threads", type=count, default=8, help="notices under way at a time (8)")


def _run(arguments: argparse.Namespace) -> Answer:
    """Ends on SIGTERM or SIGINT, within ten seconds: what is under way may come to its end."""
    settings = configured()
    database.prepare(settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with application(settings) as extension:
        extension.services.keys.signer()  # a wrong master key is refused here, not at the first notice
        _work(extension, stop, arguments)
    return Answer({"stopped": True}, "")


def _work(extension: Any, stop: threading.Event, arguments: argparse.Namespace) -> None:
    courier = Courier(extension.deliveries, arguments.threads)
    if arguments.once:
        housekeeper.one_round(extension.services.housekeeping)  # first: endings make notices
        courier.drain(stop)
        return
    log.info("worker started", threads=arguments.threads)
    upkeep = housekeeper.start(extension.services.housekeeping)
    courier.run(stop)
    upkeep.set()
    log.info("worker stopped")
