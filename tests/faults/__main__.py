"""``make faults``: the matrix, then injections at random under load: on PostgreSQL with Redis, for a part of the
time with a Redis Cluster, and for a third more on SQLite.

The matrix repeats each row as often as reliability.md demands, which takes hours; with FAULT_COUNTS=few a few times.
FAULT_SECONDS (120) is how long the rest takes; FAULT_SEED repeats the choices of a run (what the clients meet depends
on the machine, too). Ends with 1 if anything was violated.
"""

from __future__ import annotations

import argparse
import inspect
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.running import ROOT

from .director import Director, Verdict
from .injections import OF_KIND
from .matrix import counts, rows
from .stage import Stage


def main() -> int:
    """Run what was asked for."""
    arguments = _arguments()
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(10**6)
    failed = _matrix() if arguments.matrix else 0
    print(f"FAULT_SEED={seed}", flush=True)
    verdicts = [_run(kind, seconds, seed) for kind, seconds in _plan(arguments) if seconds > 0]
    for verdict in verdicts:
        print(verdict, flush=True)
    return 1 if failed or not all(verdict.clean for verdict in verdicts) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("FAULT_SECONDS", "120")))
    parser.add_argument(
        "--seed", type=int, default=int(os.environ["FAULT_SEED"]) if "FAULT_SEED" in os.environ else None
    )
    parser.add_argument("--no-matrix", dest="matrix", action="store_false")
    parser.add_argument("--only", choices=tuple(OF_KIND))
    return parser.parse_args()


def _plan(arguments: argparse.Namespace) -> list[tuple[str, float]]:
    if arguments.only:
        return [(arguments.only, arguments.seconds)]
    seconds = arguments.seconds
    return [("redis", seconds * 0.85), ("cluster", seconds * 0.15), ("sqlite", seconds / 3)]


def _matrix() -> int:
    """The rows of this folder, and those that are proven elsewhere, each as often as reliability.md demands."""
    environment = {"FAULT_COUNTS": "full", **os.environ}
    if environment["FAULT_COUNTS"] == "full":
        environment = {**counts.ELSEWHERE, **environment}
    elsewhere = [test for tests in rows.ELSEWHERE.values() for test in tests]
    names = [f"{Path(inspect.getfile(test)).relative_to(ROOT)}::{test.__name__}" for test in elsewhere]
    commands = (["-m", "faults", "tests/faults/matrix"], names)
    ran = [
        subprocess.run([sys.executable, "-m", "pytest", "-q", *what], env=environment, cwd=ROOT) for what in commands
    ]
    return max(done.returncode for done in ran)


def _run(kind: str, seconds: float, seed: int) -> Verdict:
    folder = Path(tempfile.mkdtemp(prefix=f"idp-faults-{kind}-"))
    print(f"{kind}: {seconds:.0f} s in {folder}", flush=True)
    with Stage(folder, kind) as stage:
        director = Director(stage, seed)
        began = time.monotonic()
        with director.load():
            director.at_random(seconds)
        return director.verdict(kind, time.monotonic() - began)


if __name__ == "__main__":
    sys.exit(main())
