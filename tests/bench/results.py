"""Figures: one measurement, its percentiles, the table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

WRK_MARK = "BENCH "


@dataclass(frozen=True)
class Measured:
    """``latencies`` counts answers by microseconds. ``failures`` are answers that were not 2xx, or none."""

    seconds: float
    requests: int
    failures: int
    latencies: Mapping[int, int] = field(repr=False)
    sample: str = ""
    cpu_seconds: float | None = None

    @property
    def cpu_ms(self) -> float | None:
        """Processor time of the server for one request; other work on the machine disturbs it least."""
        return None if self.cpu_seconds is None or not self.requests else self.cpu_seconds * 1000 / self.requests

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds if self.seconds else 0.0

    def percentile_ms(self, share: float) -> float:
        """Milliseconds within which this share of all answers came."""
        return percentile(self.latencies, share) / 1000


def percentile(counts: Mapping[int, int], share: float) -> int:
    """The least value that ``share`` of all do not exceed (nearest rank); 0 of nothing."""
    rank = share * sum(counts.values())
    seen = 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= rank:
            return value
    return 0


def parse_wrk(output: str) -> Measured:
    """What ``wrk.lua`` wrote at the end. Raises ValueError if it did not."""
    line = next((line for line in output.splitlines() if line.startswith(WRK_MARK)), None)
    if line is None:
        raise ValueError(f"wrk wrote no result:\n{output}")
    told = json.loads(line.removeprefix(WRK_MARK))
    latencies = dict(told["latencies"])
    errors = {name: count for name, count in told["errors"].items() if count}
    sample = f"wrk counted {errors}" if errors else ""
    return Measured(told["microseconds"] / 1e6, told["requests"], sum(errors.values()), latencies, sample)


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; those that hold figures stand to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    figures = [all(cell[:1].isdigit() for cell in column[1:]) for column in zip(*lines, strict=True)]
    shown = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, figures, strict=True)
        ).rstrip()
        for line in lines
    ]
    return "\n".join([shown[0], "  ".join("─" * width for width in widths), *shown[1:]])
