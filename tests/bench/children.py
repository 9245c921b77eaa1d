"""The servers under test: processes of our own, ended by their own process groups and nothing wider."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.packaging.serving import clean_environment, free_port

ROOT = Path(__file__).parents[2]
BARE_PATH = "/static"
_START_SECONDS = 300  # a busy machine imports for long
_STOP_SECONDS = 20
_STARTED = "Started worker-"  # what Granian says of each, and our peers do


@dataclass(frozen=True)
class Server:
    """A running server: its main process leads a process group of its own, in which its workers are."""

    port: int
    group: int

    def cpu_seconds(self) -> float | None:
        """What all its processes have used so far; None where there is no /proc to ask."""
        ticks = [_ticks(path, self.group) for path in Path("/proc").glob("[0-9]*/stat")]
        return sum(ticks) / os.sysconf("SC_CLK_TCK") if any(ticks) else None

    def pss_mb(self) -> float:
        """Proportional set size of all its processes: shared pages count in parts (proc(5), smaps_rollup)."""
        return (
            sum(_pss_kb(path.parent) for path in Path("/proc").glob("[0-9]*/stat") if _of_group(path, self.group))
            / 1024
        )


def _of_group(path: Path, group: int) -> bool:
    try:
        return int(path.read_text().rpartition(")")[2].split()[2]) == group
    except OSError:
        return False  # it has just ended


def _pss_kb(process: Path) -> int:
    try:
        lines = (process / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def _ticks(path: Path, group: int) -> int:
    """proc(5): after the name in parentheses stand state, ppid, pgrp, and as 12th and 13th utime and stime."""
    try:
        fields = path.read_text().rpartition(")")[2].split()
    except OSError:
        return 0  # it has just ended
    return int(fields[11]) + int(fields[12]) if int(fields[2]) == group else 0


class Stopped(Exception):
    """Time is up, or somebody wants it to end."""


class BenchFailed(Exception):
    """The figures would mean nothing."""


@contextmanager
def provider(folder: Path, workers: int, threads: int, **own: str) -> Iterator[Server]:
    """``idp serve`` as anybody runs it. Housekeeping is off: it would move what is measured."""
    port = free_port()
    settings = {
        "IDP_ISSUER": f"http://127.0.0.1:{port}", "IDP_DATA_DIR": str(folder), "IDP_HOUSEKEEPING": "false", **own,
    }  # fmt: skip
    command = [
        sys.executable,
        "-m",
        "idp",
        "serve",
        "--port",
        str(port),
        "--workers",
        str(workers),
        "--threads",
        str(threads),
    ]
    with running(command, folder / "serve.log", settings) as process:
        wait(process, folder / "serve.log", f"http://127.0.0.1:{port}/readyz", workers)
        yield Server(port, process.pid)


@contextmanager
def bare_functions(folder: Path, workers: int, threads: int, **own: str) -> Iterator[Server]:
    """``bare``, on the server of ``idp serve``."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.serve_bare", str(port), str(workers), str(threads)]
    with running(command, folder / "bare.log", own) as process:
        wait(process, folder / "bare.log", f"http://127.0.0.1:{port}{BARE_PATH}", workers)
        yield Server(port, process.pid)


@contextmanager
def running(
    command: Sequence[str], log: Path, settings: Mapping[str, str], folder: Path = ROOT
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of our own, leader of its group; ended however the block ends."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=folder, env=_environment(settings), stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield process
    finally:
        _stop(process)


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Modules are compiled once, as an installer does it: compiling them in each process costs it 15 MB for good."""
    own = {**clean_environment(**settings), "PYTHONPYCACHEPREFIX": str(cache() / "pycache")}
    own.pop("PYTHONDONTWRITEBYTECODE", None)
    return own


def cache() -> Path:
    """What outlives a run: the peers as they were installed, and compiled modules."""
    return Path(os.environ.get("BENCH_CACHE") or Path.home() / ".cache" / "idp-bench")


def wait(process: subprocess.Popen[bytes], log: Path, url: str, workers: int) -> None:
    """Until it answers and every worker has started: one that still imports takes a core from what is measured."""
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        if log.read_text().count(_STARTED) >= workers and _answers(url):
            return
        time.sleep(0.1)
    raise BenchFailed(f"{url} does not answer:\n{log.read_text()[-4000:]}")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask it; if it does not stop, end its process group, which is ours since we made it."""
    if process.poll() is None:
        process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # who is left of the group
    process.wait()
