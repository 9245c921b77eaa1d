"""Server-sent events (HTML Living Standard section 9.2): what goes down an open stream.

Three kinds. ``revocations`` has entries and moves the stream's ``id``, with which a follower resumes (9.2.4).
``heartbeat`` says that the log has just been read up to ``head`` and that nothing else was there; it is sent
only after such a reading, so it proves freshness and not merely a living connection. ``bye`` is the last.

``tick`` is when the reading began, in milliseconds of this process's monotonic clock: a heartbeat that was
held up somewhere on its way shows by it, although the two machines' clocks have nothing in common.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from ..oauth.revocation_log import document

HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Accel-Buffering": "no",  # nginx keeps answers back otherwise, and every heartbeat would be late
}


def revocations(head: int, more: bool, entries: Iterable[str], tick: int) -> bytes:
    """Entries up to ``head``, as ``revocation_log.encoded`` made them."""
    return b"id: %d\nevent: revocations\ndata: %b\n\n" % (head, document(head, more, entries, tick=tick))


def heartbeat(head: int, tick: int) -> bytes:
    """Nothing after ``head``, as of ``tick``."""
    return b'event: heartbeat\ndata: {"head":%d,"tick":%d}\n\n' % (head, tick)


def bye(reason: str, retry: float) -> bytes:
    """The stream ends; come back after ``retry`` seconds, which differ so that not all come at once."""
    return f"event: bye\ndata: {json.dumps({'reason': reason, 'retry': round(retry, 3)})}\n\n".encode()
