"""Rounds: every contender of an operation in turn, three times; the median counts.

Turn by turn, so that whatever else the machine does falls on all of them alike.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import generators
from .children import BenchFailed
from .loads import Load
from .results import Measured

ROUNDS = 3
_WARM_UP_SECONDS = 1
_TOLERATED = 0.001  # of a peer's answers; of the provider's none


@dataclass
class Rounds:
    """Measures, and keeps what it measured: rate by contender and operation, and every round's latencies."""

    folder: Path
    connections: int
    seconds: int
    say: Callable[[str], None]
    rates: dict[tuple[str, str], float] = field(default_factory=dict)
    p99_ms: dict[tuple[str, str], float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def measure(self, operation: str, contenders: Mapping[str, tuple[str, Load]], own: str) -> None:
        """``contenders``: by contender, what the operation is called there and how it is asked for."""
        taken: dict[str, list[Measured]] = {name: [] for name in contenders}
        for number in range(ROUNDS + 1):
            for name, (_called, load) in contenders.items():
                seconds = self.seconds if number else _WARM_UP_SECONDS
                found = self._once(load, number, seconds)
                if number or found.requests:  # a busy machine may not get to an answer while warming up
                    self._judge(f"{name}: {operation}", found, strict=name == own)
                if number:
                    taken[name].append(found)
        for name, (called, _load) in contenders.items():
            self.rates[name, called] = statistics.median(found.rate for found in taken[name])
            self.p99_ms[name, called] = statistics.median(found.percentile_ms(0.99) for found in taken[name])
        told = ", ".join(f"{name} {self.rates[name, called]:.0f}/s" for name, (called, _) in contenders.items())
        self.say(f"{operation}: {told}")

    def _once(self, load: Load, number: int, seconds: int) -> Measured:
        """Codes and refresh tokens are good once, so a round has its own; access tokens are asked about again."""
        if load.mode == "same":
            return generators.by_wrk(load.request, load.port, self.connections, seconds)
        path = self.folder / "items"
        items = load.items if load.mode == "cycle" else load.items[number :: ROUNDS + 1]
        path.write_text("\n".join(items) + "\n")
        return generators.by_wrk(load.request, load.port, self.connections, seconds, load.mode, path)

    def _judge(self, name: str, found: Measured, *, strict: bool) -> None:
        if not found.requests:
            raise BenchFailed(f"{name}: no answer at all")
        if found.failures > (0 if strict else _TOLERATED * found.requests):
            told = f"{name}: {found.failures} of {found.requests} answers not 2xx: {found.sample}"
            if not strict:
                raise BenchFailed(told)
            self.problems.append(told)
