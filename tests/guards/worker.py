"""Runs tests over changed sources, in the copy of the tree that is its working directory.

It speaks lines of JSON: ``{"texts": {file: text}, "tests": [...]}`` in, ``{"exit": …, "ends": {test: how}, …}`` out.
Every run is a fork of this process, which has imported what costs seconds and nothing of ``idp``, so that a run sees
the sources as they are now.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from .ends import OPTIONS, SECONDS, Ends

_PLUGINS = ("pytest_timeout", "xdist.plugin", "_hypothesis_pytestplugin")
_HEAVY = (
    *_PLUGINS, "hypothesis", "flask_babel", "flask_migrate", "flask_sqlalchemy", "flask_wtf", "authlib.oauth2",
    "joserfc.jws", "jwt", "cryptography.x509.verification", "pydantic_settings", "requests", "redis",
    "prometheus_client", "structlog", "argon2", "zxcvbn", "ua_parser", "email_validator", "alembic.command",
    "sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql", "psycopg", "whitenoise", "urllib3",
    "unittest.mock", "babel.dates", "_pytest.assertion.rewrite",
)  # fmt: skip


@contextmanager
def _changed(texts: dict[str, str]) -> Iterator[None]:
    """The sources with these texts, and as they were again."""
    kept = {name: Path(name).read_text() for name in texts}
    try:
        for name, text in texts.items():
            Path(name).write_text(text)
        yield
    finally:
        for name, text in kept.items():
            Path(name).write_text(text)


def _in_fork(tests: list[str], answer: int, output: int, *, hurry: bool) -> None:
    os.dup2(output, 1)
    os.dup2(output, 2)
    ends = Ends()
    ends.begin(tests, hurry=hurry)
    plugins = [ends, *(sys.modules[name] for name in _PLUGINS)]
    with tempfile.TemporaryDirectory(prefix="idp-guards-") as place:
        code = pytest.main([*OPTIONS, "--basetemp", f"{place}/tests", *tests], plugins=plugins)
    found = {"exit": int(code), "ends": ends.ends, "said": ends.said}
    with os.fdopen(answer, "w") as out:
        json.dump(found, out)


def _run(tests: list[str], *, hurry: bool) -> dict[str, Any]:
    """Fork, wait for the answer, and for the end; one that takes too long is killed."""
    began = time.monotonic()
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if child == 0:
            os.close(reading)
            try:
                _in_fork(tests, writing, output.fileno(), hurry=hurry)
            except BaseException:  # noqa: BLE001 - whatever it is, the parent reads it
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                os._exit(3)
        os.close(writing)
        answered = _answer(reading, child, SECONDS if hurry else 10 * SECONDS)
        output.seek(0)
        text = output.read().decode(errors="replace")
    return {"exit": 3, "ends": {}, "said": {}, **answered, "output": text[-4000:], "seconds": time.monotonic() - began}


def _answer(reading: int, child: int, seconds: int) -> dict[str, Any]:
    def late(*_: object) -> None:
        os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        with os.fdopen(reading) as lines:
            text = lines.read()
        os.waitpid(child, 0)
    finally:
        signal.alarm(0)
    found: dict[str, Any] = json.loads(text) if text else {}
    return found


def main() -> None:
    """Until there are no more lines."""
    os.environ.pop("IDP_TEST_NO_SKIP", None)  # cases are left out here; what is skipped otherwise is told as unsound
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name in _HEAVY:
        importlib.import_module(name)
    gc.freeze()
    for line in sys.stdin:
        asked = json.loads(line)
        with _changed(asked["texts"]):
            found = _run(asked["tests"], hurry=bool(asked["texts"]))
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
