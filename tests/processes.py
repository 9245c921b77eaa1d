"""Whose child is who: the workers of an ``idp serve``, the processes of a server.

Why not ``/proc/…/children``: proc(5) promises it for stopped children only; of running ones it may leave
some out, and here it now and then did.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def workers_of(parent: int) -> list[int]:
    """Process ids of living children, forked or spawned, without multiprocessing's resource tracker."""
    return [child for child in children_of(parent) if b"resource_tracker" not in _command(child)]


def children_of(parent: int) -> list[int]:
    """Process ids of living children."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError, IndexError):
            state, above = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(above) == parent and state != "Z":
                found.append(int(entry.name))
    return sorted(found)


def _command(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""
