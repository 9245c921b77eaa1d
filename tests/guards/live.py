"""Runs tests in forks of a process that has collected all of them; see ``exchange``.

It speaks lines of JSON: first every test there will be, then ``{"texts": {file: text}, "tests": [...]}`` in and one
line out each; ``null`` means that these texts take a new start.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import pytest

from .ends import OPTIONS, SECONDS, Ends
from .exchange import Change, Program

ROOT = Path(__file__).parents[2]
_SHARED = "seeded"


class _WholeRun:
    """In place of a next test: whatever belongs to the whole run stays as it is."""

    def __init__(self, session: pytest.Session) -> None:
        self._session = session

    def listchain(self) -> list[pytest.Session]:
        return [self._session]


class Forks:
    """Pytest plugin: instead of the loop over all tests, one over what is asked."""

    def __init__(self, ends: Ends, questions: TextIO, answers: int) -> None:
        self._ends = ends
        self._questions, self._answers = questions, answers

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Until there are no more lines."""
        if session.testsfailed:
            raise session.Interrupted("not every test could be collected")
        program = Program(ROOT)
        self._share(session)
        gc.freeze()
        for line in self._questions:
            asked = json.loads(line)
            changes = program.changes(asked["texts"])
            found = None if changes is None else self._fork(session, asked["tests"], program, changes)
            os.write(self._answers, json.dumps(found).encode() + b"\n")
        return True

    def _share(self, session: pytest.Session) -> None:
        """Run a test of each folder, so that databases that every run copies are made once."""
        with_databases = [item for item in session.items if _SHARED in getattr(item, "fixturenames", ())]
        for item in {item.path.parent: item for item in with_databases}.values():
            item.ihook.pytest_runtest_protocol(item=item, nextitem=_WholeRun(session))

    def _fork(
        self, session: pytest.Session, tests: Sequence[str], program: Program, changes: list[Change]
    ) -> dict[str, Any]:  # fmt: skip
        began = time.monotonic()
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.close(reading)
                program.make(changes)
                self._ends.begin(tests, hurry=bool(changes))
                _run(session, tests)
                os.write(writing, json.dumps({"ends": self._ends.ends, "said": self._ends.said}).encode())
            finally:
                os._exit(0)
        os.close(writing)
        text = _read(reading, child, SECONDS if changes else 10 * SECONDS)
        found = json.loads(text) if text else {"ends": {}, "said": {}}
        died = "died" in found["ends"].values()
        output = "" if text else "no answer in time"
        return {"exit": int(died) if text else 3, **found, "output": output, "seconds": time.monotonic() - began}


def _run(session: pytest.Session, tests: Sequence[str]) -> None:
    named = frozenset(tests)
    items = [item for item in session.items if item.nodeid in named or item.nodeid.partition("[")[0] in named]
    for item, following in zip(items, [*items[1:], _WholeRun(session)], strict=True):
        item.ihook.pytest_runtest_protocol(item=item, nextitem=following)


def _read(pipe: int, child: int, seconds: float) -> bytes:
    """All that it says; nothing if it takes too long, for then it is killed."""
    until, text = time.monotonic() + seconds, b""
    while select.select([pipe], [], [], max(0.0, until - time.monotonic()))[0]:
        part = os.read(pipe, 65536)
        if not part:
            break
        text += part
    else:
        os.kill(child, signal.SIGKILL)
        text = b""
    os.close(pipe)
    os.waitpid(child, 0)
    return text


def main() -> None:
    """Collect what the first line names, and begin."""
    os.environ.pop("IDP_TEST_NO_SKIP", None)  # cases are left out here; what is skipped otherwise is told as unsound
    questions, answers = os.fdopen(os.dup(0)), os.dup(1)  # pytest takes the ordinary ones
    with tempfile.TemporaryDirectory(prefix="idp-guards-") as place, Path(place, "output").open("w+b") as output:
        os.dup2(output.fileno(), 1)
        tests, ends = json.loads(questions.readline()), Ends()
        options = [*OPTIONS, "--basetemp", f"{place}/tests", *dict.fromkeys(test.partition("[")[0] for test in tests)]
        code = pytest.main(options, plugins=[ends, Forks(ends, questions, answers)])
        if code:
            output.seek(0)
            print(output.read().decode(errors="replace")[-8000:], file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
