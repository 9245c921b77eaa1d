"""Ten attempts against one brake, in a process of their own: ``python -m tests.storage.attempts URL``.

Prints how many passed.
"""

from __future__ import annotations

import sys

from sqlalchemy import create_engine

from idp.domain.throttle import Brake
from idp.storage.database import Database, engine_options
from idp.storage.throttles import SqlThrottles

from ..builders import NOW

PLACE = Brake(b"place", 5, 600)


def main(url: str) -> None:
    """Attempt, and count."""
    engine = create_engine(url, **engine_options(url, 1))
    throttles = SqlThrottles(Database(engine))
    print(sum(throttles.take([PLACE], NOW) == 0 for _ in range(10)))
    engine.dispose()


if __name__ == "__main__":
    main(sys.argv[1])
