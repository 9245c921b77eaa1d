"""The SDK against a real provider: ``idp serve`` and ``idp serve --streams``, processes really killed.

End a session: the API refuses. Kill the streams: it asks. Stop the provider too: 503, and never a yes.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import pytest
import requests

from idp.domain.client import GrantType
from idp.domain.session import EndReason, OneClientSession
from idp.resource_server import TokenInvalid, Verifier, VerifierUnavailable
from tests.bench.seed import API, Scene, seed
from tests.demo_stack import free_ports
from tests.running import Operator, RunningProvider, operating, running

from .fake_issuer import eventually

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("sdk end to end"), pytest.mark.timeout(900)]
START_SECONDS = 300.0  # a machine of two cores that runs much else


@dataclass
class Stage:
    """The provider, its database from here, and people who are signed in."""

    provider: RunningProvider
    operator: Operator
    scene: Scene

    def token(self) -> str:
        """One more sign-in's access token, for the API."""
        asked = self.scene.exchange()
        answer = requests.post(
            self.provider.issuer + asked.path, data=asked.body, headers=asked.all_headers(), timeout=30
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def end(self, sid: str) -> None:
        stores = self.operator.stores
        with stores.work():
            self.operator.services.sessions.end_session(
                OneClientSession(UUID(sid)), EndReason.ADMINISTRATOR, by="operator"
            )

    def verifier(self, bound: float = 2.0) -> Verifier:
        """Of the API, with a bound that a busy machine keeps."""
        client_id, secret = self.scene.api
        return Verifier(
            self.provider.issuer, API, client_id=client_id, client_secret=secret, mode="stream", timeout=10, bound=bound
        )


@pytest.fixture(scope="module")
def streams_port() -> int:
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, streams_port: int) -> Iterator[Stage]:
    address = f"http://127.0.0.1:{streams_port}/revocations"
    provider = RunningProvider(tmp_path_factory.mktemp("sdk"), workers=1, settings={"IDP_STREAMS_URL": address})
    with operating(provider) as operator:
        scene = seed(operator.engine, 20)
        api = operator.stores.clients.get(scene.api[0])
        assert api is not None
        with operator.stores.work():
            operator.stores.clients.save(replace(api, grant_types=(GrantType.CLIENT_CREDENTIALS,)))
        with running(provider):
            yield Stage(provider, operator, scene)


@contextmanager
def streaming(provider: RunningProvider, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """``idp serve --streams``, answering; killed at the end."""
    command = [sys.executable, "-m", "idp", "serve", "--streams", "--port", str(port)]
    log = Path(provider.folder / "streams.log")
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, cwd=provider.folder, env=provider.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        eventually(lambda: _answers(port), START_SECONDS)
        yield process
    finally:
        process.terminate()
        process.wait(30)


def _answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/revocations", timeout=5).status_code == 401
    except requests.RequestException:
        return False


def refused(verifier: Verifier, token: str) -> bool:
    try:
        verifier.check(token)
    except TokenInvalid:
        return True
    return False


def follow(verifier: Verifier, by: str) -> None:
    verifier.start()
    eventually(lambda: verifier.fresh and verifier.follows_by == by, 120)


def test_the_ladder_with_processes_that_are_killed(stage: Stage, streams_port: int) -> None:
    with stage.verifier() as verifier:
        tokens = [stage.token() for _ in range(4)]
        sids = [str(verifier.check(token).sid) for token in tokens]
        with streaming(stage.provider, streams_port) as streams:
            follow(verifier, "events")
            told: list[str] = []
            verifier.watch(tokens[0], told.append)
            stage.end(sids[0])
            eventually(lambda: refused(verifier, tokens[0]), 60)
            eventually(lambda: told == ["ended"], 60)
            assert verifier.fresh
            streams.kill()
            streams.wait(30)
        eventually(lambda: not verifier.fresh, 60)
        stage.end(sids[1])
        assert refused(verifier, tokens[1])  # by introspection, at once
        assert verifier.check(tokens[2])
        stage.provider.stop()
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            for token in tokens:
                with pytest.raises((TokenInvalid, VerifierUnavailable)):
                    verifier.check(token)
        stage.provider.start()
        stage.end(sids[2])
        assert refused(verifier, tokens[2])
        with streaming(stage.provider, streams_port):
            follow(verifier, "events")
            assert [refused(verifier, token) for token in tokens] == [True, True, True, False]


def test_without_streams_the_plain_answers_are_followed(stage: Stage, tmp_path: Path) -> None:
    """``idp serve`` alone, as in ``make demo``."""
    environment = {**stage.provider.settings, "IDP_STREAMS_URL": "", "IDP_ISSUER": ""}
    alone = RunningProvider(tmp_path, workers=1, settings={k: v for k, v in environment.items() if v})
    alone.settings["IDP_ISSUER"] = alone.issuer
    with running(alone):
        client_id, secret = stage.scene.api
        other = replace(stage, provider=alone)
        with Verifier(
            alone.issuer, API, client_id=client_id, client_secret=secret, mode="stream", timeout=10, bound=2
        ) as verifier:
            follow(verifier, "polling")
            token = other.token()
            sid = str(verifier.check(token).sid)
            stage.end(sid)
            eventually(lambda: refused(verifier, token))
