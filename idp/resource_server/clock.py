"""The two clocks of the SDK, and why they are not ports as in the provider: the SDK stands alone.

``wall`` tells whether a token has expired, ``ticking`` how long ago something was proved. Where the
system has one, ``ticking`` counts the time a machine slept: what was fresh before is not so after.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable

Clock = Callable[[], float]

wall: Clock = time.time  # noqa: TID251  # see above; every class that reads it takes another one in tests
ticking: Clock = time.monotonic
if sys.platform == "linux":
    ticking = functools.partial(time.clock_gettime, time.CLOCK_BOOTTIME)
