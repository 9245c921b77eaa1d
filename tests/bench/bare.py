"""What the provider's figures are compared with: the least that could be written for each kind of request.

Served by the server of ``idp serve``, by as many workers and threads. ``BARE_REDIS`` and ``BARE_POSTGRES``
say where the one look-up and the one durable update go.
"""

from __future__ import annotations

import base64
import itertools
import logging
import os
from collections import deque
from collections.abc import Iterable
from typing import Any

import psycopg
import redis
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from flask import Flask, Response

logging.basicConfig(level=logging.INFO)  # Granian tells that its worker has started

DOCUMENT = b'{"keys":[' + b",".join([b"x" * 400] * 4) + b"]}"  # as long as a key set of two algorithms
LONG_DOCUMENT = b"x" * 3500  # as long as discovery
ROWS = 10_000
_JSON = [("Content-Type", "application/json")]

flask = Flask(__name__)
_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_redis = redis.Redis.from_url(os.environ.get("BARE_REDIS", "redis://127.0.0.1:1"))
_idle: deque[psycopg.Connection[Any]] = deque()
_numbers = itertools.count(os.getpid())


def _signed() -> str:
    return base64.urlsafe_b64encode(_key.sign(b"x" * 400, padding.PKCS1v15(), hashes.SHA256())).decode()


@flask.route("/sign", methods=["POST"])
def sign() -> Response:
    """One RS256 signature."""
    return Response(f'{{"access_token":"{_signed()}"}}', mimetype="application/json")


@flask.route("/rotate", methods=["POST"])
def rotate() -> Response:
    """One RS256 signature and one durable ``UPDATE … RETURNING``."""
    connection = _idle.pop() if _idle else psycopg.connect(os.environ["BARE_POSTGRES"], autocommit=True)
    row = connection.execute(
        "UPDATE bare SET counter = counter + 1 WHERE id = %s RETURNING counter", (next(_numbers) * 7919 % ROWS,)
    ).fetchone()
    _idle.append(connection)
    assert row is not None
    return Response(f'{{"counter":{row[0]},"access_token":"{_signed()}"}}', mimetype="application/json")


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Static bytes and one Redis GET without any framework; the rest is Flask's."""
    path = environ["PATH_INFO"]
    if path == "/static":
        start_response("200 OK", _JSON)
        return [DOCUMENT]
    if path == "/static/long":
        start_response("200 OK", _JSON)
        return [LONG_DOCUMENT]
    if path == "/redis":
        start_response("200 OK", _JSON)
        return [_redis.get("bare") or b""]
    return flask(environ, start_response)
