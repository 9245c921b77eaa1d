"""What a forked child must not share with its parent: sockets, locks, and threads it does not have.

Servers load an app and then fork their workers. ``in_child`` makes each child start such things anew.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable


def in_child(method: Callable[[], None]) -> None:
    """Call a bound method in every forked child, for as long as its object lives."""
    reference = weakref.WeakMethod(method)

    def call() -> None:
        if (alive := reference()) is not None:
            alive()

    if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
        os.register_at_fork(after_in_child=call)
