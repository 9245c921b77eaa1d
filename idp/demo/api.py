"""A protected API: notes, by person, for whoever brings an access token for this API (RFC 6750).

Apps call ``/notes``; agents call the same through ``/mcp`` (``mcp``).

It knows the provider by its address alone: the SDK checks each token by the published keys, and follows
the provider's revocations to know whether its session lives (mode ``stream``). Notes are kept in memory
and end with the process.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from ..resource_server import ProtectedResource, Verifier
from ..resource_server.flask import current_token, init_app, require_token
from .mcp import McpServer, notes_tools
from .places import API_ID, SCOPES, Places, read_places

_MOST_NOTES = 20
_MOST_CHARACTERS = 500


class Notes:
    """The latest notes of each person. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._notes: defaultdict[str, deque[str]] = defaultdict(lambda: deque(maxlen=_MOST_NOTES))

    def of(self, sub: str) -> list[str]:
        """Oldest first."""
        with self._lock:
            return list(self._notes[sub]) if sub in self._notes else []

    def add(self, sub: str, text: str) -> None:
        """Keep one more; beyond the limit the oldest goes."""
        with self._lock:
            self._notes[sub].append(text)


def create() -> Flask:
    """The API of the environment; what Granian loads."""
    return create_app(read_places())


def create_app(places: Places) -> Flask:
    """The API at ``places.api``, for tokens of ``places.issuer``."""
    app = Flask("idp.demo.api", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = 16 * 1024
    verifier = Verifier(places.issuer, places.api, client_id=API_ID, client_secret=places.secret(API_ID), mode="stream")
    notes = Notes()
    init_app(app, ProtectedResource(verifier, realm="notes", name="Notes", scopes=SCOPES))
    app.register_error_handler(HTTPException, _http_error)
    app.after_request(_harden)

    @app.get("/notes")
    @require_token(verifier, scope="notes.read")
    def read() -> Response:
        return jsonify(notes=notes.of(current_token().sub), **_caller())

    @app.post("/notes")
    @require_token(verifier, scope="notes.write")
    def write() -> tuple[Response, int]:
        text = _note()
        if text is None:
            return jsonify(error="invalid_note", error_description='send JSON: {"text": "1 to 500 characters"}'), 400
        notes.add(current_token().sub, text)
        return jsonify(notes=notes.of(current_token().sub), **_caller()), 201

    McpServer("Notes", verifier, notes_tools(notes.of, notes.add)).mount(app)

    @app.get("/healthz")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    return app


def _note() -> str | None:
    document = request.get_json(silent=True)
    text = document.get("text") if isinstance(document, dict) else None
    return text if isinstance(text, str) and 0 < len(text) <= _MOST_CHARACTERS else None


def _caller() -> dict[str, object]:
    """Whom the token speaks for; shown so that one can follow a ``sid`` through the demo."""
    token = current_token()
    return {"sub": token.sub, "client_id": token.client_id, "sid": token.sid, "scope": list(token.scope)}


def _http_error(error: HTTPException) -> tuple[Response, int]:
    return jsonify(error=error.name.lower().replace(" ", "_"), error_description=error.description), error.code or 500


def _harden(response: Response) -> Response:
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
