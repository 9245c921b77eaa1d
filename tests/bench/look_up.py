"""What a request waits for when it asks whether a session lives: the store itself, timed in this process."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from uuid import UUID

from sqlalchemy import create_engine

from idp.domain.master_key import MasterKeys
from idp.paths import MIGRATIONS
from idp.storage.database import engine_options
from idp.storage.stores import HotOptions, build_stores
from tests.redis_server import RedisServer

_BYTES_OF = 200


def p99_ms(url: str, redis_url: str | None, keys: MasterKeys, sids: Sequence[UUID]) -> float:
    """The 99th percentile of as many look-ups as there are ids, each asked for twice: with Redis a miss and a hit."""
    engine = create_engine(url, **engine_options(url))
    hot = HotOptions(url=redis_url, tombstone_seconds=960, every=True) if redis_url else None
    stores = build_stores(engine, keys, MIGRATIONS, hot=hot)
    times = []
    try:
        for sid in (sids[0], *[sid for one in sids for sid in (one, one)]):
            began = time.perf_counter()
            found = stores.client_sessions.liveness(sid, datetime.now(UTC))
            times.append((time.perf_counter() - began) * 1000)
            assert found is not None
            assert found.live
    finally:
        engine.dispose()
    warm = sorted(times[1 + len(times) // 10 :])
    return warm[int(len(warm) * 0.99)]


def bytes_a_lease(redis: RedisServer, url: str, keys: MasterKeys, sids: Sequence[UUID]) -> float | None:
    """Redis's own figure (MEMORY USAGE), the mean over leases of these; None if there is none just now."""
    engine = create_engine(url, **engine_options(url))
    stores = build_stores(engine, keys, MIGRATIONS, hot=HotOptions(url=redis.url, tombstone_seconds=960, every=True))
    try:
        for sid in sids[:_BYTES_OF]:
            stores.client_sessions.liveness(sid, datetime.now(UTC))
    finally:
        engine.dispose()
    with redis.client() as client:
        leases = islice(client.scan_iter(match="s:*", count=1000), _BYTES_OF)
        sizes = [size for key in leases if (size := client.memory_usage(key, samples=0)) is not None]
    return sum(sizes) / len(sizes) if sizes else None
