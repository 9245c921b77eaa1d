"""Child processes: started together, watched, and stopped by their ids.

Each child leads a process group of its own, so that Ctrl-C in the terminal reaches the parent alone
and the stop stays orderly. Nobody is ended who was not started here.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

_STOP_SECONDS = 15.0
_LAST_BYTES = 4000


class ChildFailedError(Exception):
    """A child ended or never answered; the message has the end of its log."""


@dataclass(slots=True, kw_only=True)
class Child:
    """One process, what it is called, where it says that it is well, and its log."""

    name: str
    process: subprocess.Popen[bytes]
    health: str
    log: Path

    def failure(self, what: str) -> ChildFailedError:
        """What happened, with the last words of the log."""
        words = self.log.read_bytes()[-_LAST_BYTES:].decode(errors="replace").strip()
        return ChildFailedError(f"{self.name} {what}. The end of {self.log}:\n{words}")


@dataclass(slots=True)
class Children:
    """Use as a context: leaving it stops everything, newest first."""

    logs: Path
    _children: list[Child] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        for child in reversed(self._children):
            _signal(child.process, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        for child in reversed(self._children):
            try:
                child.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(child.process, signal.SIGKILL)
                child.process.wait()

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str], health: str) -> None:
        """Start one; ``health`` is a URL that answers 200 once it can be used."""
        log = self.logs / f"{name.replace(' ', '-')}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - commands of run.py, no shell
                command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        self._children.append(Child(name=name, process=process, health=health, log=log))

    def wait_until_healthy(self, seconds: float) -> None:
        """Raises ChildFailedError if one ends or does not answer in time."""
        deadline = time.monotonic() + seconds
        for child in self._children:
            while not _answers(child.health):
                self.check()
                if time.monotonic() > deadline:
                    raise child.failure(f"did not answer at {child.health} within {seconds:g} s")
                time.sleep(0.1)

    def check(self) -> None:
        """Raises ChildFailedError if one has ended."""
        for child in self._children:
            if (status := child.process.poll()) is not None:
                raise child.failure(f"ended with status {status}")


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """To the child's own group for SIGKILL (it may have workers), to the child alone otherwise."""
    if process.poll() is not None:
        return
    with suppress(ProcessLookupError):
        if number is signal.SIGKILL:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)


def _answers(url: str) -> bool:
    """Without proxies of the environment: the demo is on this machine."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
