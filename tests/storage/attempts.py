"""Ten attempts against one brake, in a process of their own: ``python -m tests.storage.attempts URL [REDIS]``.

Prints how many passed.
"""

from __future__ import annotations

import sys

from sqlalchemy import create_engine

from idp.domain.master_key import MasterKey, MasterKeys
from idp.domain.throttle import Brake
from idp.paths import MIGRATIONS
from idp.storage.database import engine_options
from idp.storage.stores import HotOptions, build_stores

from ..builders import NOW

PLACE = Brake(b"place", 5, 600)


def main(url: str, redis_url: str | None = None) -> None:
    """Attempt, and count."""
    engine = create_engine(url, **engine_options(url, 1))
    hot = HotOptions(url=redis_url) if redis_url else None
    throttles = build_stores(engine, MasterKeys([MasterKey(b"\x01" * 32)]), MIGRATIONS, hot=hot).throttles
    print(sum(throttles.take([PLACE], NOW) == 0 for _ in range(10)))
    engine.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:])
