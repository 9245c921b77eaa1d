"""The provider's services in a process of the test's own, over the same servers: what ``idp`` on the command
line is, without its second of starting."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

from sqlalchemy import Engine, create_engine

from idp.cli.runtime import application
from idp.domain.ports import Stores
from idp.paths import MIGRATIONS
from idp.services import Services
from idp.settings import Settings, load
from idp.storage.database import db, engine_options
from idp.storage.migrate import upgrade


@dataclass(frozen=True)
class Operator:
    """Services and stores, and the engine beneath them."""

    settings: Settings
    stores: Stores
    services: Services
    engine: Engine


@contextmanager
def operating(environment: Mapping[str, str], *, migrate: bool = False) -> Iterator[Operator]:
    """Services as ``IDP_*`` say; connections are closed at the end."""
    own = {name: value for name, value in environment.items() if name.startswith("IDP_") and value}
    with patch.dict(os.environ, own):
        settings = load()
    if migrate:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        engine = create_engine(settings.sql_url, **engine_options(settings.sql_url, 1))
        upgrade(engine, MIGRATIONS)
        engine.dispose()
    with application(settings) as extension:
        yield Operator(settings, extension.stores, extension.services, db.engine)
