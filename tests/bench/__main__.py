"""``python -m tests.bench [--json] [--database sqlite|postgresql]…``: measure, print, end.

Exits 1 if the provider answered anything but 2xx or if refreshing made storage grow.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from idp.cli.serve import cores
from tests.postgres import available

from . import machine
from .children import BenchFailed, Server, bare_route, provider
from .databases import POSTGRESQL, SQLITE, database, opened
from .generators import wrk_installed
from .report import Report
from .scenario import Plan, Target, refresh_a_thousand_times, rows
from .seed import seed

_MOST_SECONDS = 30
_STOPPED = (BenchFailed, ConnectionError, TimeoutError, ValueError, subprocess.SubprocessError)


def main() -> int:
    """The exit code."""
    options = _options()
    plan = Plan(options.seconds, options.connections, wrk_installed() and not options.python)
    with tempfile.TemporaryDirectory(prefix="idp-bench-") as name:
        report = Report(_setting(options, plan, Path(name)))
        began = time.monotonic()
        try:
            _run(options, plan, Path(name), report)
        except _STOPPED as error:
            print(f"bench: {error}", file=sys.stderr)
            return 1
        _say(f"done in {time.monotonic() - began:.0f} s")
    print(report.json() if options.json else report.text())
    return 1 if report.problems() else 0


def _options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--database", action="append", choices=(SQLITE, POSTGRESQL), help="only this one")
    parser.add_argument("--seconds", type=_seconds, default=_seconds(os.environ.get("BENCH_SECONDS", "5")),
                        help="length of each of 24 measurements (BENCH_SECONDS, 5)")  # fmt: skip
    parser.add_argument("--connections", type=int, default=32, help="clients at a time (32)")
    parser.add_argument("--workers", type=int, default=cores(), help="processes of each server (as many as cores)")
    parser.add_argument("--threads", type=int, default=4, help="threads of each process (4)")
    parser.add_argument("--python", action="store_true", help="generate all load with Python, even if wrk is there")
    return parser.parse_args(arguments)


def _seconds(text: str) -> int:
    seconds = int(text)
    if not 1 <= seconds <= _MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"from 1 to {_MOST_SECONDS} seconds")
    return seconds


def _setting(options: argparse.Namespace, plan: Plan, folder: Path) -> dict[str, object]:
    return {
        **machine.described(folder), "workers": options.workers, "threads": options.threads,
        "connections": plan.connections, "seconds": plan.seconds, "generator": "wrk" if plan.use_wrk else "python",
    }  # fmt: skip


def _run(options: argparse.Namespace, plan: Plan, folder: Path, report: Report) -> None:
    with bare_route(folder, options.workers, options.threads) as bare:
        for kind in options.database or (SQLITE, POSTGRESQL):
            if kind == POSTGRESQL and not available():
                report.missing.append("PostgreSQL, which is not installed")
                continue
            (folder / kind).mkdir()
            _measure(kind, options, plan, folder / kind, bare, report)


def _measure(
    kind: str, options: argparse.Namespace, plan: Plan, folder: Path, bare: Server, report: Report
) -> None:  # fmt: skip
    _say(f"{kind}: a database with {plan.codes} sessions")
    with database(kind, folder) as url, opened(url) as engine:
        scene = seed(engine, plan.codes)
        with provider(folder, url, options.workers, options.threads) as server:
            target = Target(kind, server, bare, engine, scene, plan)
            _say(f"{kind}: storage")
            report.storage[kind] = refresh_a_thousand_times(target)
            for row in rows(target):
                _say(f"{kind}: {row.endpoint}: {row.measured.rate:.0f}/s, bare {row.bare.rate:.0f}/s")
                report.rows.append(row)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
