"""``python -m tests.bench [--json | --markdown]``: measure the provider beside its peers, print, end.

PostgreSQL with fsync on, Redis, two workers, 10,000 live sessions; then a million. Exits 1 if the provider
answered anything but 2xx or if refreshing made storage grow; a target that is not met is said, no failure.
"""

from __future__ import annotations

import argparse
import base64
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from idp.cli.serve import cores
from tests import postgres, redis_server

from . import machine
from .children import BenchFailed, Stopped
from .course import Course
from .generators import wrk_installed
from .report import Report

_MOST_SECONDS = 30
_STOPPED = (BenchFailed, Stopped, ConnectionError, TimeoutError, ValueError, OSError, subprocess.SubprocessError)


def main() -> int:
    """The exit code."""
    options = _options()
    missing = [
        name
        for name, there in (
            ("PostgreSQL", postgres.available()), ("Redis", redis_server.available()), ("wrk", wrk_installed()),
        )
        if not there
    ]  # fmt: skip
    if missing:
        print(f"bench: not installed: {', '.join(missing)}", file=sys.stderr)
        return 1
    began = time.monotonic()
    _end_in_time(options.minutes)
    with tempfile.TemporaryDirectory(prefix="idp-bench-") as name, ExitStack() as stack:
        report = Report(_setting(options, Path(name)))
        try:
            Course(options, Path(name), report, stack, _say).run()
        except _STOPPED as error:
            print(f"bench: {error}", file=sys.stderr)
            report.problems.append(str(error))
    _say(f"done in {time.monotonic() - began:.0f} s")
    print(report.json() if options.json else report.markdown() if options.markdown else report.text())
    return 1 if report.problems else 0


def _options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--markdown", action="store_true", help="print the table of targets for README")
    parser.add_argument("--seconds", type=_seconds, default=_seconds(os.environ.get("BENCH_SECONDS", "3")),
                        help="length of each of some 75 measurements (BENCH_SECONDS, 3)")  # fmt: skip
    parser.add_argument("--connections", type=int, default=32, help="clients at a time (32)")
    parser.add_argument("--workers", type=int, default=cores(), help="processes of each server (as many as cores)")
    parser.add_argument("--threads", type=int, default=4, help="threads of each process (4)")
    parser.add_argument("--no-peers", action="store_true", help="neither install nor measure the peers")
    parser.add_argument("--minutes", type=int, default=15, help="stop after so long, whatever is left (15)")
    parser.add_argument("--large", type=int, default=int(os.environ.get("BENCH_LARGE", "1000000")),
                        help="sessions of the last two rows; 0 leaves them out (BENCH_LARGE, 1000000)")  # fmt: skip
    options = parser.parse_args(arguments)
    options.master_key = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
    return options


def _end_in_time(minutes: int) -> None:
    """After so long, or when told to end, tidy up and report what there is."""

    def stop(number: int, _frame: object) -> None:
        raise Stopped("stopped" if number == signal.SIGTERM else f"stopped after {minutes} minutes")

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGALRM, stop)
    signal.alarm(minutes * 60)


def _seconds(text: str) -> int:
    seconds = int(text)
    if not 1 <= seconds <= _MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"from 1 to {_MOST_SECONDS} seconds")
    return seconds


def _setting(options: argparse.Namespace, folder: Path) -> dict[str, object]:
    return {
        **machine.described(folder), "workers": options.workers, "threads": options.threads,
        "connections": options.connections, "seconds": options.seconds,
    }  # fmt: skip


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
