"""Runs of tests in a worker, and what follows from how they ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from .entry import Guard

TESTS_FAILED = 1
"""pytest's exit code where tests ran and some failed; 2 and more is an interruption, an error or nothing to run."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of pytest. ``ends`` says of each test ``passed``, ``died`` (an assertion failed) or ``broke``."""

    exit: int
    ends: dict[str, str]
    said: dict[str, str]
    output: str
    seconds: float

    def of(self, test: str) -> dict[str, str]:
        """How the cases of a test ended."""
        return {name: end for name, end in self.ends.items() if name == test or name.startswith(f"{test}[")}


@dataclass(frozen=True, slots=True)
class Verdict:
    """``unnoticed`` are tests that did not die; ``why`` is what pytest said if it was not about tests at all."""

    guard: Guard
    unnoticed: tuple[str, ...]
    why: str
    run: Run

    @property
    def dies(self) -> bool:
        """Did every test notice, by an assertion?"""
        return not self.unnoticed and not self.why

    def told(self, *, verbose: bool) -> str:
        """Its line of the table; ``verbose``: and what was said."""
        word = "dies" if self.dies else "SURVIVES"
        guard = self.guard
        lines = [
            f"{word:9}{' '.join(guard.rows):12} {guard.removal.file[4:]:40} {guard.name}  ({self.run.seconds:.1f} s)"
        ]
        lines += [f"    {'unnoticed by' if test in self.unnoticed else 'noticed by'} {test}" for test in guard.tests]
        if not self.dies or verbose:
            lines += [
                f"    {name}: {end}: {self.run.said.get(name, '')}"
                for name, end in self.run.ends.items()
                if end not in ("passed", "skipped")
            ]
        return "\n".join(lines + ([self.why] if self.why else []))


def judged(guard: Guard, run: Run) -> Verdict:
    """The guard was gone: every test it names must have died in at least one of its cases."""
    unnoticed = tuple(test for test in guard.tests if "died" not in run.of(test).values())
    why = "" if run.exit in (0, TESTS_FAILED) else run.output
    return Verdict(guard, unnoticed, why, run)


def sound(tests: list[str], run: Run) -> list[str]:
    """Those of the tests that did not pass although every guard was in its place."""
    bad = [f"{name} ({end}) {run.said.get(name, '')}" for name, end in run.ends.items() if end != "passed"]
    missing = [f"{test} did not run\n{run.output}" for test in tests if not run.of(test)]
    return bad + missing


class Process:
    """A process that is asked by lines of JSON and answers by one line each."""

    def __init__(self, module: str, root: Path, **environment: str) -> None:
        self._process = subprocess.Popen(
            (sys.executable, "-m", module), cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(root), "PYTEST_ADDOPTS": "", **environment},
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def say(self, what: object) -> None:
        """Without waiting for an answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()

    def run(self, texts: dict[str, str], tests: list[str]) -> Run | None:
        """These tests over these texts; None if that process cannot do it."""
        assert self._process.stdout is not None
        self.say({"texts": texts, "tests": tests})
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process that runs the tests has ended; what it said stands above")
        found: dict[str, Any] | None = json.loads(line)
        return None if found is None else Run(**found)


class Worker:
    """Runs tests over changed texts: in a program that runs already (``live``), else in one that starts (``worker``).

    ``copy`` is a copy of the tree for the second, made when it is first needed.
    """

    def __init__(self, root: Path, tests: list[str], copied: Callable[[], Path], stack: ExitStack) -> None:
        self._live = stack.enter_context(Process("tests.guards.live", root))
        self._live.say(tests)
        self._copied, self._stack = copied, stack
        self._anew: Process | None = None

    def run(self, texts: dict[str, str], tests: list[str], *, anew: bool = False) -> Run:
        """These tests over these texts; ``anew``: in a program that starts with them."""
        run = (None if anew else self._live.run(texts, tests)) or self._starting().run(texts, tests)
        assert run is not None
        return run

    def _starting(self) -> Process:
        if self._anew is None:
            copy = self._copied()
            compiled = (sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", "idp", "tests")
            subprocess.run(compiled, cwd=copy, check=True)
            self._anew = self._stack.enter_context(Process("tests.guards.worker", copy))
        return self._anew
