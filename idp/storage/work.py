"""Transactions for the services, and what is to be done once one has committed.

What must follow a commit (telling the hot copy that a session has ended) must not come before it, and
must not hold the database's locks and connection while it waits for another server. So it is put by
while the transaction is open and done when the transaction is over.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ..errors import IdpError
from .database import Database

Act = Callable[[], None]


class SqlWork:
    """Implements ``ports.Work``."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._here = threading.local()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Open a transaction or join the open one; see ``Database.work`` for what commits."""
        if self._db.in_work:
            yield
            return
        acts: list[Act] = []
        self._here.acts = acts
        try:
            with self._db.work():
                yield
        except IdpError as error:
            if error.persist:
                _do_all(acts)
            raise
        finally:
            self._here.acts = None
        _do_all(acts)

    def after_commit(self, act: Act) -> None:
        """Put ``act`` by until the outermost transaction of this thread has committed."""
        acts: list[Act] | None = getattr(self._here, "acts", None)
        if acts is None:
            act()
        else:
            acts.append(act)


def _do_all(acts: Sequence[Act]) -> None:
    """Every one of them; the first error comes out at the end, for the others owe nothing to it."""
    failed: IdpError | None = None
    for act in acts:
        try:
            act()
        except IdpError as error:
            failed = failed or error
    if failed is not None:
        raise failed
