"""``python -m tests.bench.serve_bare PORT WORKERS THREADS``: the bare route on the server of ``idp serve``."""

from __future__ import annotations

import multiprocessing
import sys

from idp.cli.serve import server


def main() -> None:
    """Every option is that of ``idp serve``; the application alone differs."""
    port, workers, threads = (int(argument) for argument in sys.argv[1:4])
    multiprocessing.set_start_method("spawn", force=True)
    granian = server("127.0.0.1", port, workers, threads)
    granian.target = "tests.bench.bare:app"
    granian.serve()


if __name__ == "__main__":
    main()
