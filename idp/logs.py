"""Structured logs on stderr: JSON lines for machines, colours for a terminal; never a secret (P7).

Everything goes through one pipeline, our own events and those of every library, so that redaction
cannot be walked around. What is redacted: values under telling names, however deep, and in any text
(a traceback, a library's message) whatever looks like one of our tokens or a Bearer header.

Why some libraries are held at WARNING whatever ``IDP_LOG_LEVEL`` says: at DEBUG Authlib prints every
token it issues (authlib.md 1.3, trap 18), SQLAlchemy prints parameters, urllib3 prints URLs with
their query.

The request log has the path without its query, for codes and hints travel in queries (ASVS 14.2.1);
Granian's own access log stays off.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import ip_address
from time import perf_counter
from typing import TextIO

import structlog
from flask import Flask, Response, g, request
from structlog.typing import EventDict, Processor, WrappedLogger

from .client_address import client_address
from .settings import Settings

HIDDEN = "[hidden]"
QUIET_LIBRARIES = ("authlib", "sqlalchemy", "urllib3", "psycopg", "werkzeug", "httpx", "alembic", "granian.access")

_SECRET_NAME = re.compile(
    r"password|passwd|secret|token|cookie|authorization|assertion|verifier|credential|master_key|private|seed|otp"
    r"|^code$|^(authorization|user|device|recovery)_code$|^(set-)?cookie$|^d?pop$",
    re.IGNORECASE,
)
# Ours and everybody's: JWTs, our prefixed tokens (rt_, …), whatever follows Bearer, Basic or DPoP.
_SECRET_VALUE = re.compile(
    r"(?<![\w-])eyJ[\w-]{8,4096}\.[\w-]+\.[\w-]*|\b[a-z]{2,3}_[\w-]{32,}"
    r"|(?:(?<=Bearer )|(?<=Basic )|(?<=DPoP ))[^\s\"']+|(?<=://)[^\s/@:]*:[^\s/@]+(?=@)"
)
_URL_PASSWORD = re.compile(r"(?<=://)([^\s/@:]*):[^\s/@]+(?=@)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_STAMP = structlog.processors.TimeStamper(fmt="iso", utc=True)
_JSON = json.JSONEncoder(default=str)
_json_handler: logging.StreamHandler[TextIO] | None = None


# ── what may be written ───────────────────────────────────────────────────────────────────────────


def _clean(value: object) -> object:
    """The value without secrets, its containers walked through."""
    if isinstance(value, str):
        return _SECRET_VALUE.sub(HIDDEN, value)
    if isinstance(value, bytes):
        return HIDDEN
    if isinstance(value, Mapping):
        return {name: _clean_member(str(name), member) for name, member in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_clean(member) for member in value]
    return value


def _clean_member(name: str, value: object) -> object:
    return HIDDEN if _SECRET_NAME.search(name) and value is not None else _clean(value)


def without_passwords(url: str) -> str:
    """The URL with the password in its authority hidden."""
    return _URL_PASSWORD.sub(r"\1:***", url)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """structlog processor: hide what a log must not hold."""
    return {
        name: _clean(value) if name == "event" else value if name.startswith("_") else _clean_member(name, value)
        for name, value in event.items()
    }


def escape_controls(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """structlog processor for the terminal: no value may move the cursor or forge a line."""
    return {name: value if name in ("exception", "stack") else _escaped(value) for name, value in event.items()}


def _escaped(value: object) -> object:
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", value) if isinstance(value, str) else value


# ── set-up ────────────────────────────────────────────────────────────────────────────────────────


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        _STAMP,
    ]


def _final(terminal: bool) -> list[Processor]:
    """Last steps. A traceback becomes text first, so that redaction sees it."""
    meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    cleaned: list[Processor] = [meta, structlog.processors.format_exc_info, redact]
    if terminal:
        console = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        return [*cleaned, escape_controls, console]
    return [*cleaned, structlog.processors.JSONRenderer(default=str)]


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Send every log of this process to ``stream`` (stderr), from ``level`` on. May be called again."""
    out = stream or sys.stderr
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=_shared(), processors=_final(out.isatty()))
    )
    global _json_handler
    _json_handler = None if out.isatty() else handler
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    quiet = max(logging.WARNING, root.level)
    for library in QUIET_LIBRARIES:
        logging.getLogger(library).setLevel(quiet)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


# ── one line per request ──────────────────────────────────────────────────────────────────────────


class RequestLog:
    """Gives a request its id and writes its line, whichever lane it takes.

    An id sent by a proxy is taken over if proxies are configured; anybody else's is ignored.
    """

    def __init__(self, settings: Settings, new_token: Callable[[], str]) -> None:
        self._proxies = settings.proxy_networks()
        self._new_token = new_token
        self._log = structlog.stdlib.get_logger("idp.request")
        self._logger = logging.getLogger("idp.request")

    def begin(self, peer: str | None, sent_id: str | None) -> str:
        """The id, in ``X-Request-ID`` of the answer and in every line that is written meanwhile."""
        request_id = self._taken_over(peer, sent_id) or self._new_token()[:16]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        return request_id

    def address(self, peer: str | None, forwarded_for: str | None) -> str:
        """Whose request it is."""
        return client_address(peer, forwarded_for, self._proxies)

    def line(self, request_id: str, *, method: str, path: str, status: int, began: float, address: str) -> None:
        """Once, when it is answered. ``began`` is a ``perf_counter``."""
        machine, path, ms = _machine(self._logger), path[:300], round((perf_counter() - began) * 1000, 1)
        if machine is None:
            self._log.info("request", method=method, path=path, status=status, ms=ms, address=address)
        elif self._logger.isEnabledFor(logging.INFO):
            _write(
                machine,
                f'{{"method": {_again(method)}, "path": {_again(path)}, "status": {status}, "ms": {ms}, '
                f'"address": {_again(address)}, "event": "request", "request_id": {_json_text(request_id)}, '
                f'"logger": "idp.request", "level": "info", "timestamp": "{_STAMP(None, "info", {})["timestamp"]}"}}',
            )

    def _taken_over(self, peer: str | None, sent: str | None) -> str | None:
        if not self._proxies or not sent or not _REQUEST_ID.fullmatch(sent):
            return None
        address = client_address(peer, None, ())
        known = bool(address) and any(ip_address(address) in network for network in self._proxies)
        return sent if known else None


def request_log(app: Flask, log: RequestLog) -> None:
    """Every request of the ordinary lane."""

    @app.before_request
    def begin() -> None:
        g.request_began = perf_counter()
        g.request_id = log.begin(request.remote_addr, request.headers.get("X-Request-ID"))

    @app.after_request
    def finish(response: Response) -> Response:
        if "request_id" in g:
            response.headers["X-Request-ID"] = g.request_id
            log.line(
                g.request_id, method=request.method, path=request.path, status=response.status_code,
                began=g.request_began,
                address=log.address(request.remote_addr, request.headers.get("X-Forwarded-For")),
            )  # fmt: skip
        return response


def _machine(logger: logging.Logger) -> logging.StreamHandler[TextIO] | None:
    """Our handler, if it writes JSON and nobody else listens: then the line needs none of the pipeline.

    Why: the pipeline makes a record, walks it and formats it, which costs more than the rest of a short
    request. What it does to the few texts of this line is done here too.
    """
    root = logging.getLogger()
    alone = len(root.handlers) == 1 and not logger.handlers and logger.propagate
    return _json_handler if alone and root.handlers[0] is _json_handler else None


def _write(handler: logging.StreamHandler[TextIO], text: str) -> None:
    handler.acquire()
    try:
        handler.stream.write(text + handler.terminator)
        handler.flush()
    except (OSError, ValueError):
        return  # nobody reads what we write, or it is closed: no reason to fail a request
    finally:
        handler.release()


def _json_text(text: str) -> str:
    return _JSON.encode(_clean(text))


_again = lru_cache(maxsize=256)(_json_text)
"""For texts that come again and again: methods, paths, addresses."""
