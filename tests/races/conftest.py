"""One provider of two workers per database, for all races."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import DATABASES
from tests.running import RunningProvider, operating, running

from .play import Play

OPEN = {"IDP_CLIENT_REGISTRATION": "open", "IDP_TRUSTED_PROXIES": "127.0.0.1"}


@pytest.fixture(scope="session", params=DATABASES)
def play(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    """The provider, its operator, and a tally that is printed at the end."""
    url = request.getfixturevalue("postgres").new_database() if request.param == "postgresql" else ""
    provider = RunningProvider(tmp_path_factory.mktemp("races") / request.param, url, settings=dict(OPEN))
    with operating(provider) as operator, running(provider):
        play = Play(provider, operator)
        yield play
        print(f"\nraces on {request.param}: {play.summary()}")
    assert "Traceback" not in provider.log.read_text()
