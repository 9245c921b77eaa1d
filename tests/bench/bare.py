"""What every figure is compared with: one Flask route that does nothing."""

from __future__ import annotations

import logging

from flask import Flask, Response

_BODY = b'{"active":true}'

logging.basicConfig(level=logging.INFO)  # Granian tells that its worker has started
app = Flask(__name__)


@app.route("/", methods=["GET", "POST"])
def bare() -> Response:
    """The least that Flask can do."""
    return Response(_BODY, mimetype="application/json")
