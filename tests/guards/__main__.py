"""Removes each guard in turn and says whether the tests notice; see the package's docstring."""

from __future__ import annotations

import argparse
import os
import queue
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from .entry import Guard, without
from .registry import GUARDS
from .runs import Run, Verdict, Worker, judged, sound

ROOT = Path(__file__).parents[2]
COPIED = ("idp", "tests", "templates", "static", "migrations", "pyproject.toml", "README.md")
_NOT_COPIED = shutil.ignore_patterns("__pycache__", "node_modules", ".git")


def main() -> int:
    """1 if a guard can go unnoticed, if a test fails with every guard in place, or if nothing was chosen."""
    options = _options()
    chosen = [guard for guard in GUARDS if _chosen(guard, options.only)]
    began = time.monotonic()
    with ExitStack() as stack:
        tests = list(dict.fromkeys(test for guard in chosen for test in guard.tests))
        workers = [_worker(tests, stack) for _ in range(min(options.jobs, len(chosen) or 1))]
        free: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for worker in workers:
            free.put(worker)
        pool = stack.enter_context(ThreadPoolExecutor(len(workers)))
        broken = _unsound(chosen, free, pool)
        verdicts = [] if broken else _judge(chosen, free, pool, verbose=options.verbose)
    for line in broken:
        print(f"fails with every guard in place: {line}")
    noticed = sum(verdict.dies for verdict in verdicts)
    rows = {row for guard in chosen for row in guard.rows}
    print(f"{noticed} of {len(chosen)} guards cannot go unnoticed ({len(rows)} rows, {time.monotonic() - began:.0f} s)")
    return 0 if chosen and not broken and noticed == len(chosen) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.guards", description="Remove every guard, one at a time.")
    parser.add_argument("--only", metavar="WORD", help="a row (A1), or a part of a guard's name or file")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="how many at once")
    parser.add_argument("--verbose", action="store_true", help="say what the tests said")
    return parser.parse_args()


def _chosen(guard: Guard, only: str | None) -> bool:
    if only is None:
        return True
    return only.upper() in guard.rows or only in guard.name or any(only in each.file for each in guard.removals)


def _worker(tests: list[str], stack: ExitStack) -> Worker:
    def copied() -> Path:
        """The tree in a place of its own, where files may change."""
        copy = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="idp-guards-")))
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, copy / name, ignore=_NOT_COPIED)
            else:
                shutil.copy(source, copy / name)
        return copy

    return Worker(ROOT, tests, copied, stack)


def _unsound(chosen: Sequence[Guard], free: queue.SimpleQueue[Worker], pool: ThreadPoolExecutor) -> list[str]:
    """With every guard in place, each file's tests in one process: those that do not pass."""
    files: dict[str, list[str]] = {}
    for test in dict.fromkeys(test for guard in chosen for test in guard.tests):
        files.setdefault(test.partition("::")[0], []).append(test)
    return [
        line for found in pool.map(lambda tests: sound(tests, _run(free, {}, tests)), files.values()) for line in found
    ]


def _judge(
    chosen: Sequence[Guard], free: queue.SimpleQueue[Worker], pool: ThreadPoolExecutor, *, verbose: bool
) -> list[Verdict]:  # fmt: skip
    def one(guard: Guard) -> Verdict:
        return judged(guard, _run(free, without(guard, ROOT), list(guard.tests), anew=guard.anew))

    verdicts = []
    for verdict in pool.map(one, chosen):
        verdicts.append(verdict)
        print(verdict.told(verbose=verbose), flush=True)
    return verdicts


def _run(free: queue.SimpleQueue[Worker], texts: dict[str, str], tests: list[str], *, anew: bool = False) -> Run:
    worker = free.get()
    try:
        return worker.run(texts, tests, anew=anew)
    finally:
        free.put(worker)


if __name__ == "__main__":
    sys.exit(main())
