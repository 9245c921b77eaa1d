"""A provider in this process, on each database in turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from idp.paths import MIGRATIONS
from idp.settings import Settings
from idp.storage.migrate import upgrade
from tests.conftest import DATABASES, open_engine

from .strangers import HOST
from .world import ISSUER, World, a_world

MASTER_KEY = "A" * 43


@pytest.fixture(scope="module", params=DATABASES)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Populated, and asked in this process."""
    folder, url = tmp_path_factory.mktemp("fuzz"), ""
    if request.param == "postgresql":
        url = migrated(request.getfixturevalue("postgres").new_database())
    with a_world(settings_of(folder, url)) as world:
        yield world


def migrated(url: str) -> str:
    """The same database with every table."""
    engine = open_engine(url)
    upgrade(engine, MIGRATIONS)
    engine.dispose()
    return url


def settings_of(folder: Path, url: str) -> Settings:
    """Everything that can be turned on is on; tokens outlive the longest run."""
    return Settings(
        issuer=ISSUER, data_dir=folder, database_url=url, master_key=MASTER_KEY, client_registration="open",
        client_id_documents=HOST, software_statement_issuers=f"https://{HOST}=https://{HOST}/keys",
        access_token_life=3600, id_token_life=3600, log_level="error",
    )  # fmt: skip
