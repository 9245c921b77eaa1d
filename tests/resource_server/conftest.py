from __future__ import annotations

from collections.abc import Iterator

import pytest

from idp.resource_server import Verifier

from .fake_issuer import AUDIENCE, CREDENTIALS, FakeIssuer


@pytest.fixture
def issuer() -> Iterator[FakeIssuer]:
    with FakeIssuer() as fake:
        yield fake


@pytest.fixture
def local(issuer: FakeIssuer) -> Verifier:
    return Verifier(issuer.url, AUDIENCE, mode="local", timeout=1)


@pytest.fixture
def asking(issuer: FakeIssuer) -> Verifier:
    return Verifier(issuer.url, AUDIENCE, client_id=CREDENTIALS[0], client_secret=CREDENTIALS[1], timeout=1)


@pytest.fixture
def following(issuer: FakeIssuer) -> Iterator[Verifier]:
    """In mode ``stream``, with a bound that a busy machine keeps. Not started yet."""
    client_id, secret = CREDENTIALS
    with Verifier(
        issuer.url, AUDIENCE, client_id=client_id, client_secret=secret, mode="stream", timeout=5, bound=3
    ) as verifier:
        yield verifier
