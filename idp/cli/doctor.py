"""``idp doctor``: is everything as it must be, and if not, what to do?

Changes nothing, but that opening a loopback provider for the first time makes its development key.
Exit code 1 if any check fails; a warning is no failure.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import SecretStr, ValidationError

from .. import logs
from ..errors import ConfigurationError
from ..settings import Settings, load
from . import open_files
from .arguments import leaf
from .checks import database_checks, file_checks, mail_check, redis_checks
from .findings import FAIL, Check
from .output import OK, REFUSED, Answer, table
from .server_checks import proxy_checks

if TYPE_CHECKING:
    from .arguments import Commands


def register(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add ``idp doctor``."""
    leaf(commands, common, "doctor", _run, "check settings, database, migrations, keys and clock; say what to do")


def _run(_arguments: argparse.Namespace) -> Answer:
    logs.configure("error")
    checks = list(_checks())
    settings = _listed()
    failed = any(check.level == FAIL for check in checks)
    data = {"ok": not failed, "checks": [check.row() for check in checks], "settings": settings}
    text = "\n".join([*(check.line() for check in checks), "", table(settings, ("setting", "value", "meaning"))])
    return Answer(data, text, REFUSED if failed else OK)


def _checks() -> Iterator[Check]:
    try:
        settings = load()
    except ConfigurationError as error:
        for problem in error.problems:
            yield Check("settings", FAIL, problem, "correct it; `idp doctor` lists every setting below")
        return
    yield Check("settings", "ok", f"{settings.issuer}, all {len(Settings.model_fields)} settings can be used")
    yield from file_checks(settings)
    yield mail_check(settings)
    yield from open_files.checks(settings)
    yield from proxy_checks(settings)
    yield from redis_checks(settings)
    yield from database_checks(settings)


def _listed() -> list[dict[str, str]]:
    """Every setting with its value; secrets only as set or not. Empty if no value can be read."""
    try:
        settings = Settings()
    except ValidationError:
        return [_row(name, "(not read: see above)") for name in Settings.model_fields]
    return [_row(name, getattr(settings, name)) for name in Settings.model_fields]


def _row(name: str, value: object) -> dict[str, str]:
    meaning = Settings.model_fields[name].description or ""
    return {"setting": f"IDP_{name.upper()}", "value": masked(name, value), "meaning": meaning}


def masked(name: str, value: object) -> str:
    """The value as text, without any secret in it; a URL keeps all but its password."""
    if value is None or value in ((), ""):
        return ""
    if isinstance(value, SecretStr):
        return "(set)"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return logs.without_passwords(str(value)) if name.endswith("_url") else str(value)
