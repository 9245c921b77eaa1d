"""Things made at the same moment: accounts, clients, first keys; and keys that turn under load."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jwt
import pytest
import requests

from idp.domain.key import KeyState
from tests.conftest import DATABASES
from tests.running import RunningProvider
from tests.user_agent import Page, UserAgent

from .play import ROUNDS, Answer, Play

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("races"), pytest.mark.timeout(900)]


def test_several_registrations_of_one_address_make_one_account(play: Play) -> None:
    for number in range(ROUNDS):
        email = f"twice{number}@example.com"
        browsers = [play.browser() for _ in range(3)]
        for browser in browsers:
            browser.get(f"{play.provider.issuer}/login/new")

        def register(_http: requests.Session, browser: UserAgent, email: str = email) -> Page:
            spelt = email.upper() if browser is browsers[0] else email  # noqa: B023 - the same round
            return browser.submit("Create account", Email=spelt, Password="correct horse battery staple")

        pages = play.crowd([lambda http, browser=browser: register(http, browser) for browser in browsers])
        for browser, page in zip(browsers, pages, strict=True):
            play.tally["/login/new", page.status] += 1
            assert page.status in (200, 422, 503), page
            browser.close()
        signed_in = sum("idp-session" in browser.cookies for browser in browsers)
        accounts = [user for user in play.operator.stores.users.list() if user.email.lower() == email]
        assert len(accounts) == signed_in <= 1 or any(page.status == 503 for page in pages)
        assert len(accounts) <= 1


def test_clients_that_register_at_once_are_as_many_clients(play: Play) -> None:
    metadata = {"redirect_uris": ["https://app.example/cb"], "client_name": "Crowd"}

    def register(http: requests.Session) -> Answer:
        address = f"10.9.{threading.get_native_id() % 250}.{time.monotonic_ns() % 250}"
        response = http.post(
            f"{play.provider.issuer}/register", json=metadata, headers={"X-Forwarded-For": address}, timeout=30
        )
        play.record("/register", response)
        return Answer(response.status_code, response.json())

    for _ in range(ROUNDS):
        answers = [answer for answer in play.crowd([register] * 16) if not answer.unknown]
        assert {answer.status for answer in answers} == {201}
        assert len({answer["client_id"] for answer in answers}) == len(answers)
        assert len({answer["client_secret"] for answer in answers}) == len(answers)


@pytest.mark.parametrize("database", DATABASES)
def test_processes_that_start_at_once_on_an_empty_database_make_one_active_key(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """F-36. They also race for the tables (SQLite) and for the master key of a development machine."""
    url = request.getfixturevalue("postgres").new_database() if database == "postgresql" else ""
    environment = RunningProvider(tmp_path, url).environment
    del environment["IDP_MASTER_KEY"]
    if url:
        both = [subprocess.Popen(_idp("db", "upgrade"), env=environment) for _ in range(2)]
        assert [process.wait(60) for process in both] == [0, 0]
    started = [
        subprocess.Popen(_idp("key", "list", "--json"), env=environment, stdout=subprocess.PIPE) for _ in range(6)
    ]
    outputs = [process.communicate(timeout=120)[0] for process in started]
    assert [process.returncode for process in started] == [0] * len(started)
    keys = json.loads(outputs[0])
    made = sorted((key["alg"], key["state"]) for key in keys)
    assert made == [(alg, state) for alg in ("ES256", "EdDSA", "RS256") for state in ("active", "announced")]
    assert {json.dumps(sorted(key["kid"] for key in json.loads(output))) for output in outputs} == {
        json.dumps(sorted(key["kid"] for key in keys))
    }


def test_no_verification_fails_while_keys_turn(play: Play) -> None:
    """F-34, with a client that fetches the JWKS again when it meets an unknown ``kid``."""
    app = play.app()
    verifier, stop, checked, failures = _Verifier(play), threading.Event(), [], []

    def issue_and_verify() -> None:
        with requests.Session() as http:
            while not stop.is_set():
                answer = play.token(app, {"grant_type": "client_credentials"}, http if len(checked) % 2 else None)
                if answer.unknown:
                    continue
                try:
                    verifier.verify(answer["access_token"])
                    active = play.introspect(app, answer["access_token"])
                    checked.append((answer["access_token"], active))
                except (jwt.PyJWTError, KeyError) as error:
                    failures.append(repr(error))
                time.sleep(0.02)

    with ThreadPoolExecutor(3) as pool:
        threads = [pool.submit(issue_and_verify) for _ in range(3)]
        try:
            for _ in range(max(3, ROUNDS // 3)):
                time.sleep(2.5)  # longer than a worker's snapshot: the heir has been published everywhere
                with play.operator.services.work():
                    play.operator.services.keys.rotate(force=True)
            time.sleep(2.5)
        finally:
            stop.set()
        for thread in threads:
            thread.result()
    assert not failures, (len(failures), failures[:3])
    assert all(active for _token, active in checked)
    for token, _active in checked[:: max(1, len(checked) // 20)]:  # the early ones by keys retired since
        verifier.verify(token)
        assert play.introspect(app, token)
    states = [key.state for key in play.operator.services.keys.list() if key.alg == "RS256"]
    assert (states.count(KeyState.ACTIVE), states.count(KeyState.ANNOUNCED)) == (1, 1)
    assert len({jwt.get_unverified_header(token)["kid"] for token, _ in checked}) >= 3


class _Verifier:
    """A resource server that keeps the JWKS and looks again for a ``kid`` it does not know."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self._keys: dict[str, jwt.PyJWK] = {}
        self._lock = threading.Lock()

    def verify(self, token: str) -> None:
        kid = jwt.get_unverified_header(token)["kid"]
        with self._lock:
            if kid not in self._keys:
                self._keys = self._fetch()
        issuer = self._play.provider.issuer
        jwt.decode(token, self._keys[kid].key, algorithms=["RS256"], audience=issuer, issuer=issuer)

    def _fetch(self) -> dict[str, jwt.PyJWK]:
        response = requests.get(f"{self._play.provider.issuer}/.well-known/jwks.json", timeout=10)
        self._play.record("jwks", response)
        return {key["kid"]: jwt.PyJWK(key) for key in response.json()["keys"]}


def _idp(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "idp", *arguments]
