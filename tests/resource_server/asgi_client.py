"""Starlette's test client, over the httpx that is there (it would rather have httpx2)."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient, WebSocketDenialResponse, WebSocketTestSession

__all__ = ["TestClient", "WebSocketDenialResponse", "drained"]


def drained(socket: WebSocketTestSession) -> None:
    """Read until the other side closes, which raises WebSocketDisconnect."""
    while True:
        socket.receive_text()
