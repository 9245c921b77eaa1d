"""How many files, and so connections, a process may have open: each follower of the revocation log holds one.

The usual soft limit of 1,024 is for programs that use ``select``; we use none that do, so it is raised as far
as the machine allows.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator

from ..settings import Settings
from .findings import GOOD, WARN, Check

BESIDES = 256
"""What a process of ``idp serve --streams`` has open besides its streams: requests that come in, servers, logs."""


def raise_limit(wanted: int) -> int:
    """Make room for ``wanted`` open files, as far as the hard limit allows; what there is room for now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return _counted(soft, wanted)
    reachable = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (reachable, hard))
    return reachable


def checks(settings: Settings) -> Iterator[Check]:
    """Can a streams process here hold as many streams as it may?"""
    wanted = settings.streams_limit + BESIDES
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = _counted(hard, wanted)
    if room < wanted:
        yield Check(
            "open files", WARN, f"idp serve --streams may want {wanted}, this machine allows {room}",
            "raise the hard limit (ulimit -Hn, LimitNOFILE=) or lower IDP_STREAMS_LIMIT",
        )  # fmt: skip
    else:
        yield Check("open files", GOOD, f"room for {settings.streams_limit} streams in a process")


def _counted(limit: int, wanted: int) -> int:
    return wanted if limit == resource.RLIM_INFINITY else limit
