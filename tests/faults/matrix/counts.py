"""How often a row repeats what it does, and for how long it keeps something broken.

Each number is the demand of reliability.md section 5 where ``FAULT_COUNTS=full``, as ``make faults`` has it. By
itself (``pytest -m faults``) a row does the same a few times, so that all of them take minutes, not hours.
"""

from __future__ import annotations

import os

FULL = os.environ.get("FAULT_COUNTS") == "full"

# What rows that are proven elsewhere (``rows.ELSEWHERE``) repeat, by the names those tests read.
# F-10: of two kinds on two databases, so two hundred; F-37 to F-39: fifty of each kind on each.
ELSEWHERE = {"FAILOVER_ROUNDS": "50", "RACE_ROUNDS": "50", "STANDBY_ROUNDS": "100"}
ROW_SECONDS = 7200 if FULL else 900


def _demanded(demand: float, few: float) -> float:
    return demand if FULL else few


def _times(demand: int, few: int) -> range:
    return range(demand if FULL else few)


REDIS_AWAY_SECONDS = _demanded(30, 4)  # F-01
REDIS_STOPPED_SECONDS = _demanded(10, 6)  # F-03
FLAPS, FLAP_SECONDS = _times(30, 6), _demanded(1.0, 0.7)  # F-07: for a minute
WORKERS_KILLED = _times(100, 6)  # F-15
POSTGRES_KILLED = _times(25, 2)  # F-20, each of two ways; section 6: fifty
POSTGRES_AWAY_SECONDS = _demanded(60, 2.5)  # F-21
LOCK_HELD_SECONDS = _demanded(10, 8)  # F-30
KEYS_TURNED = _times(100, 12)  # F-34
USES_AT_ONCE = 1000 if FULL else 200  # F-37
COLD_READINGS = _times(1000, 40)  # F-40
