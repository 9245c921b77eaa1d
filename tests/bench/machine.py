"""What the figures depend on and the code does not: cores, disk, and who else is at work."""

from __future__ import annotations

import os
import platform
import statistics
import time
from pathlib import Path

from idp.cli.serve import cores

_SYNCS = 30


def described(folder: Path) -> dict[str, object]:
    """The processor, the load by others, and what one fsync costs in ``folder``."""
    return {
        "cpu": _model(),
        "cpus": os.cpu_count(),
        "cpus_usable": cores(),
        "load_average": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "fsync_ms": round(_fsync_ms(folder), 2),
    }


def _model() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _fsync_ms(folder: Path) -> float:
    """The median of a few appended pages."""
    path, times = folder / "fsync", []
    with path.open("wb") as file:
        for _ in range(_SYNCS):
            began = time.perf_counter()
            file.write(b"\0" * 4096)
            file.flush()
            os.fsync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
    path.unlink()
    return statistics.median(times)
