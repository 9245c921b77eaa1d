"""Threads of each worker of ``idp serve``: one does the housekeeping (``services.housekeeping``), one
sees to it that the worker ends with its parent.

Housekeeping is one bounded round after another; rounds of several workers may overlap, since every step is a claim.
What fails is logged and tried again: nothing a request answers depends on it, because every look at a
session compares times itself.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from multiprocessing.process import BaseProcess

import structlog

from .services.housekeeping import Housekeeping

PAUSE_SECONDS = 30.0

log = structlog.get_logger(__name__)


def start(housekeeping: Housekeeping) -> threading.Event:
    """Start the thread; setting the returned event ends it."""
    stop = threading.Event()
    thread = threading.Thread(target=_loop, args=(housekeeping, stop), name="housekeeper", daemon=True)
    thread.start()
    return stop


def end_with_parent() -> None:
    """A worker whose ``idp serve`` was killed ends too, instead of serving on unsupervised.

    Otherwise it would hold the port, and go on with the code and the settings of before a restart.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_outlive, args=(parent,), name="parent watch", daemon=True).start()


def _outlive(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _loop(housekeeping: Housekeeping, stop: threading.Event) -> None:
    # Workers that started together must not sweep together for ever after.
    while not stop.wait(PAUSE_SECONDS + os.getpid() % 10):
        one_round(housekeeping)


def one_round(housekeeping: Housekeeping) -> None:
    """One round, with its outcome in the log."""
    try:
        done = housekeeping.round()
    except Exception:
        log.exception("a round of housekeeping failed")
        return
    if any(done.values()):
        log.info("housekeeping", done=[f"{name} {count}" for name, count in done.items() if count])
