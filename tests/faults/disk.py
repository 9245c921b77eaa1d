"""A small disk that can be filled: a tmpfs of our own where mounting is allowed; else a limit on file sizes.

The substitute (``RLIMIT_FSIZE`` of the running processes, by prlimit) refuses what a full disk refuses, growth of
a file, but with EFBIG for ENOSPC; which of the two it was, a report says by ``Disk.how``.
"""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

MEGABYTE = 1 << 20


@dataclass
class Disk:
    """``with Disk(folder, processes) as disk: …; with disk.full(): …``"""

    folder: Path
    processes: Callable[[], Sequence[int]]
    megabytes: int = 96
    mounted: bool = field(default=False, init=False)

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={self.megabytes}m", "tmpfs", str(self.folder)]
        self.mounted = os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0
        return self

    def __exit__(self, *_: object) -> None:
        if self.mounted:
            subprocess.run(["umount", "--lazy", str(self.folder)], capture_output=True, check=False)

    @property
    def how(self) -> str:
        """What stands for the full disk."""
        return "tmpfs" if self.mounted else "RLIMIT_FSIZE"

    @contextmanager
    def full(self) -> Iterator[None]:
        """Nothing here can grow."""
        with self._ballast() if self.mounted else self._limits():
            yield

    @contextmanager
    def _ballast(self) -> Iterator[None]:
        ballast = self.folder / "ballast"
        try:
            with ballast.open("wb", buffering=0) as file:
                size = MEGABYTE
                while size:
                    try:
                        file.write(b"\0" * size)
                    except OSError:
                        size //= 2
                        continue
            yield
        finally:
            ballast.unlink(missing_ok=True)

    @contextmanager
    def _limits(self) -> Iterator[None]:
        """Files as large as the largest there is may not grow; smaller ones are few and full soon."""
        processes = list(self.processes())
        least = min((path.stat().st_size for path in self.folder.glob("*.sqlite*")), default=0)
        for pid in processes:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (max(least, 1), resource.RLIM_INFINITY))
        try:
            yield
        finally:
            for pid in processes:
                if Path(f"/proc/{pid}").exists():
                    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
