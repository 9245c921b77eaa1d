"""One provider for a file of modules, as the suite would meet it; each test has a suite of its own in each plan."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.provider import PASSWORD, Provider, running, seeded

from .host import Host
from .plans import MODULES, name_of_test, plans_of
from .suite import PERSON as EMAIL
from .suite import Suite

__all__ = ["seeded"]

_MODULE_OF = {name_of_test(module): module for module in MODULES}
ADDRESS = {
    "formatted": "12 St James's Square\nLondon", "street_address": "12 St James's Square", "locality": "London",
    "postal_code": "SW1Y 4JH", "country": "United Kingdom",
}  # fmt: skip
PERSON = {
    "name": "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace", "middle_name": "Augusta",
    "nickname": "Ada", "preferred_username": "ada", "profile": "https://example.com/ada",
    "picture": "https://example.com/ada.png", "website": "https://ada.example.com", "gender": "female",
    "birthdate": "1985-12-10", "zoneinfo": "Europe/London", "locale": "en-GB",
    "phone_number": "+442079460000", "phone_number_verified": True, "address": ADDRESS,
}  # fmt: skip


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Once for each plan that names the module of this test."""
    if "plan" in metafunc.fixturenames:
        plans = plans_of(_MODULE_OF[metafunc.definition.originalname])
        metafunc.parametrize("plan", plans, ids=[plan.removesuffix("-test-plan") for plan in plans])


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with Host(tmp_path_factory.mktemp("host")) as made:
        yield made


@pytest.fixture(scope="module")
def provider(seeded: Path, host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """As README says for the suite: no PKCE of confidential clients, registration open, its host reachable."""
    path = tmp_path_factory.mktemp("conformance") / "idp.sqlite"
    shutil.copy(seeded, path)
    with (
        host.trusted(),
        running(f"sqlite:///{path}", pkce_required="public", fetch_private_networks=True) as made,
    ):
        with made.stores.work():
            made.services.accounts.create(EMAIL, PASSWORD, PERSON, email_verified=True)
        yield made


@pytest.fixture
def suite(plan: str, provider: Provider, host: Host) -> Iterator[Suite]:
    made = Suite(plan, provider, host)
    yield made
    made.unregister()
