"""Runs ``idp`` commands in this process, on an embedded database of their own."""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from idp.cli import main
from tests.postgres import PostgresServer

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """The answer of a command that ran with ``--json``."""
        return json.loads(self.out)


Idp = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the developer's own settings; data in a directory that goes away."""
    for name in [name for name in os.environ if name.startswith("IDP_") and not name.startswith("IDP_TEST")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("IDP_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture(autouse=True)
def _logs_put_back() -> Iterator[None]:
    """``idp`` configures logging for its process, which here is pytest's."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> str:
    """An empty database of a throw-away server."""
    return postgres.new_database()


@pytest.fixture
def idp(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Idp:
    """``idp("user", "list", "--json")``; ``stdin`` is what the command may read."""

    def run(*arguments: str, stdin: str = "") -> Ran:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        capsys.readouterr()
        try:
            code = main(arguments)
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run
