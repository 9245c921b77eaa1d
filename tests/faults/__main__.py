"""``make faults``: the matrix, then injections at random under load: on PostgreSQL with Redis, for a part of the
time with a Redis Cluster, and for a third more on SQLite.

FAULT_SECONDS (120) is how long; FAULT_SEED repeats the choices of a run (what the clients meet depends on the
machine, too). Ends with 1 if anything was violated.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .director import Director, Verdict
from .injections import OF_KIND
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
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "faults", "tests/faults/matrix"], check=False
    ).returncode


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
