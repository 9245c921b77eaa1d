"""Initial access tokens: quota, end, revocation, and that a refused registration costs none (RFC 7591 3)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr
from werkzeug.test import TestResponse

from idp.errors import InputRefused, NotFound

from ..provider import CALLBACK, Provider, answered, refused, running

SPEC = pytest.mark.spec("RFC 7591", "3")
WEEK = timedelta(days=7)


@pytest.fixture
def asking(database: str) -> Iterator[Provider]:
    """A provider that asks for one, and has none in its settings."""
    with running(database, client_registration="token") as made:
        yield made


def issue(provider: Provider, quota: int | None = None, life: timedelta = WEEK) -> tuple[UUID, str]:
    with provider.stores.work():
        made, token = provider.services.initial_access.make("the build farm", quota, life)
    return made.id, token


def register(provider: Provider, token: str | None, **metadata: Any) -> TestResponse:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    sent = {"redirect_uris": [CALLBACK], **metadata}
    return provider.http.post("/register", base_url=provider.base, json=sent, headers=headers)


@SPEC
def test_each_registers_as_many_as_its_quota(asking: Provider) -> None:
    (_id, token), (_other, endless) = issue(asking, quota=2), issue(asking)
    assert [register(asking, token).status_code for _ in range(3)] == [201, 201, 401]
    assert [register(asking, endless).status_code for _ in range(3)] == [201] * 3
    refused(register(asking, None), 401, "invalid_token")
    assert answered(asking.get("/.well-known/openid-configuration"))["registration_endpoint"]


@SPEC
def test_a_refused_registration_costs_nothing(asking: Provider) -> None:
    _id, token = issue(asking, quota=1)
    refused(register(asking, token, grant_types=["password"]), 400, "invalid_client_metadata")
    refused(register(asking, token, redirect_uris=["javascript:alert(1)"]), 400, "invalid_redirect_uri")
    assert register(asking, token).status_code == 201


@SPEC
def test_over_is_over(asking: Provider) -> None:
    _id, short = issue(asking, life=timedelta(hours=1))
    revoked_id, revoked = issue(asking)
    with asking.stores.work():
        asking.services.initial_access.revoke(revoked_id)
    refused(register(asking, revoked), 401, "invalid_token")
    assert register(asking, short).status_code == 201
    with asking.clock.later(3600):
        refused(register(asking, short), 401, "invalid_token")
    with pytest.raises(NotFound):
        asking.services.initial_access.revoke(uuid4())


def test_the_one_of_the_settings_stands_beside_them(database: str) -> None:
    own = SecretStr("initial-access-token-of-the-operator")
    with running(database, client_registration="token", client_registration_token=own) as provider:
        _id, token = issue(provider)
        for given in (own.get_secret_value(), token):
            assert register(provider, given).status_code == 201


def test_the_record_says_which_one_it_was(asking: Provider) -> None:
    token_id, token = issue(asking)
    client = register(asking, token).json
    assert client is not None
    events = [row for row in asking.rows()["security_events"] if client["client_id"] in row]
    assert any(f"initial-access-token:{token_id}" in row for row in events)
    assert token not in repr(asking.rows())


@pytest.mark.promise("P4")
def test_racing_registrations_never_exceed_the_quota(both: Provider) -> None:
    _id, token = issue(both, quota=3)

    def use(_number: int) -> bool:
        with both.stores.work():
            return both.services.initial_access.claim(token) is not None

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(use, range(12))) == 3
    assert [item.used for item in both.services.initial_access.list()] == [3]


@pytest.mark.parametrize(
    ("label", "quota", "life"),
    [("", 1, WEEK), ("x\n", 1, WEEK), ("x", 0, WEEK), ("x", 1, timedelta(0)), ("x", 1, timedelta(days=400))],
)
def test_what_makes_no_sense_is_not_made(alone: Provider, label: str, quota: int, life: timedelta) -> None:
    with pytest.raises(InputRefused):
        alone.services.initial_access.make(label, quota, life)


@pytest.mark.promise("P6")
def test_it_is_swept_in_the_end(asking: Provider) -> None:
    issue(asking)
    asking.clock.move((WEEK + timedelta(days=36)).total_seconds())
    assert asking.stores.sweeper.sweep(asking.clock.now(), 100)["initial_access_tokens"] == 1
