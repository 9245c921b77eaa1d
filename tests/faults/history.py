"""What happened, as clients saw it: one line for each operation, with the times of its start and its end.

Times are CLOCK_MONOTONIC, which all processes of a machine share and no shift of a process's clock
touches. Each process writes a file of its own, so nobody waits for anybody; a line that a kill has cut
off is left out.

``subjects[0]`` is the thing that an operation is about, the rest what that thing hangs on: a client session
names its Session, its device and its user, so an ending of any of them is an ending of it, also where it was
born while the ending ran.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Self


class Outcome(StrEnum):
    """``INFO`` may have happened or not: no answer, a connection lost, a 503."""

    OK = "ok"
    FAIL = "fail"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One request and its answer.

    ``alive``     what the answer said of ``subjects[0]``; None if it said nothing
    ``asks_end``  it asks for the end of ``subjects``; OK is the acknowledgement
    ``bound``     seconds: of an ending, how long after it the acknowledgement itself allows acceptance;
                  of a reading, how old the announced freshness of its source may be
    ``family``    whose refresh token was presented, at ``counter``; ``given`` is a digest of the successor
    ``code``      digest of the authorization code that was presented
    ``status``    of the HTTP answer, 0 where there was none; ``retry_after`` whether it said when to return
    """

    what: str
    invoke: float
    complete: float
    outcome: Outcome
    subjects: tuple[str, ...] = ()
    alive: bool | None = None
    asks_end: bool = False
    bound: float = 0.0
    family: str = ""
    counter: int = -1
    given: str = ""
    code: str = ""
    status: int = 0
    retry_after: bool = False
    at: str = ""
    note: str = ""

    @property
    def line(self) -> str:
        """As it is kept: what is as by default is left out."""
        return json.dumps({name: value for name, value in asdict(self).items() if value != _DEFAULTS.get(name, _NONE)})

    @classmethod
    def read(cls, line: str) -> Self:
        """The operation of a line."""
        members = json.loads(line)
        return cls(**members | {
            "outcome": Outcome(members["outcome"]), "subjects": tuple(members.get("subjects", ()))
        })  # fmt: skip


_NONE = object()
_DEFAULTS = {
    "subjects": (), "alive": None, "asks_end": False, "bound": 0.0, "family": "", "counter": -1, "given": "",
    "code": "", "status": 0, "retry_after": False, "at": "", "note": "",
}  # fmt: skip


@dataclass
class Recorder:
    """Appends to one file; any thread may."""

    path: Path
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._file = self.path.open("a", encoding="utf-8")

    def add(self, operation: Operation) -> Operation:
        """Keep it."""
        with self._lock:
            self._file.write(operation.line + "\n")
        return operation

    def flush(self) -> None:
        """What was added can be read by others."""
        with self._lock:
            self._file.flush()

    def close(self) -> None:
        """No more."""
        with self._lock:
            self._file.close()


def now() -> float:
    """The time of all histories."""
    return time.monotonic()


def load(paths: Iterable[Path]) -> Iterator[Operation]:
    """Every operation of these files."""
    for path in paths:
        with path.open(encoding="utf-8") as lines:
            yield from (Operation.read(line) for line in lines if line.endswith("}\n"))
