"""Figures: one measurement, its percentiles, the row beside its bare route, the table."""

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


@dataclass(frozen=True)
class Row:
    """An endpoint on a database, beside the bare route measured just before with the same generator."""

    endpoint: str
    database: str
    generator: str
    measured: Measured
    bare: Measured

    @property
    def ratio(self) -> float:
        """How many times as long as the bare route a request takes."""
        return self.bare.rate / self.measured.rate if self.measured.rate else float("inf")

    def plain(self) -> dict[str, object]:
        """For ``--json``."""
        return {
            "endpoint": self.endpoint, "database": self.database, "generator": self.generator,
            "requests": self.measured.requests, "seconds": round(self.measured.seconds, 3),
            "rps": round(self.measured.rate, 1), "p50_ms": round(self.measured.percentile_ms(0.5), 3),
            "p99_ms": round(self.measured.percentile_ms(0.99), 3), "bare_rps": round(self.bare.rate, 1),
            "bare_p50_ms": round(self.bare.percentile_ms(0.5), 3),
            "bare_p99_ms": round(self.bare.percentile_ms(0.99), 3),
            "times_bare": round(self.ratio, 2), "cpu_ms": _rounded(self.measured.cpu_ms),
            "bare_cpu_ms": _rounded(self.bare.cpu_ms),
        }  # fmt: skip


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


_COLUMNS = (
    ("endpoint", "endpoint"), ("database", "database"), ("generator", "by"), ("rps", "req/s"), ("p50_ms", "p50 ms"),
    ("p99_ms", "p99 ms"), ("bare_rps", "bare req/s"), ("bare_p50_ms", "bare p50"), ("bare_p99_ms", "bare p99"),
    ("times_bare", "bare ÷ this"), ("cpu_ms", "CPU ms"), ("bare_cpu_ms", "bare CPU ms"),
)  # fmt: skip


def table(rows: Sequence[Row]) -> str:
    """For people."""
    plain = [row.plain() for row in rows]
    return aligned([[title for _, title in _COLUMNS], *([_cell(row[name]) for name, _ in _COLUMNS] for row in plain)])


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.{1 if value >= 1 else 2}f}" if isinstance(value, float) else str(value)


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
