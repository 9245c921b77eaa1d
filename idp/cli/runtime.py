"""What commands run in: the settings, and an application whose services do the work.

The application is imported inside functions: ``idp key master`` and ``idp --help`` must work where
nothing is configured yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import sleep
from typing import TYPE_CHECKING, Any

import structlog

from .. import logs
from ..errors import EndingUnsettled
from ..settings import Settings, load
from . import database

if TYPE_CHECKING:
    from ..domain.ports import Stores
    from ..services import Services

log = structlog.get_logger(__name__)

OPERATOR = "operator"
"""Who did it, in the record of security events."""


@dataclass(frozen=True)
class Runtime:
    """An open application, for the length of one command."""

    settings: Settings
    services: Services
    stores: Stores


def configured() -> Settings:
    """The settings, with logs on stderr. Raises ConfigurationError with every problem."""
    settings = load()
    logs.configure(settings.log_level)
    return settings


@contextmanager
def opened() -> Iterator[Runtime]:
    """Open the application on a database that is up to date, and close it afterwards.

    Raises ConfigurationError if the settings are wrong or migrations are pending, Unavailable if the
    database does not answer. Logs below WARNING stay away from an operator's terminal.
    """
    settings = load()
    quiet = settings.model_copy(update={"log_level": "error" if settings.log_level == "error" else "warning"})
    logs.configure(quiet.log_level)
    database.prepare(settings)
    with application(quiet) as extension:
        yield Runtime(settings, extension.services, extension.stores)


@contextmanager
def application(settings: Settings) -> Iterator[Any]:
    """``app.extensions["idp"]`` inside an application context; connections are closed at the end."""
    from ..app import create_app

    app = create_app(settings)
    with app.app_context():
        try:
            yield app.extensions["idp"]
        finally:
            database.close(app)


@contextmanager
def settled(idp: Runtime) -> Iterator[None]:
    """A transaction whose endings are final when it is over: what the hot copy does not confirm is waited for."""
    try:
        with idp.services.work():
            yield
    except EndingUnsettled as unsettled:
        log.warning("the hot copy does not confirm the end; waiting until no lease can stand", s=unsettled.seconds)
        sleep(unsettled.seconds)
