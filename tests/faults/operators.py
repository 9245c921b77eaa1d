"""The provider's services in a process of the test's own, over the same servers: what ``idp`` on the command
line is, without its second of starting."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

from sqlalchemy import Engine, create_engine

from idp.domain.ports import Stores
from idp.paths import MIGRATIONS
from idp.services import Services, build
from idp.settings import Settings, load
from idp.storage.database import engine_options
from idp.storage.migrate import upgrade
from idp.storage.stores import build_stores


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
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    engine = create_engine(settings.sql_url, **engine_options(settings.sql_url, 6))
    try:
        if migrate:
            upgrade(engine, MIGRATIONS)
        master_keys = settings.master_keys()
        stores = build_stores(engine, master_keys, MIGRATIONS)
        yield Operator(settings, stores, build(stores, settings, master_keys), engine)
    finally:
        engine.dispose()
