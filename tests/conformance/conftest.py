"""One provider for a file of modules, as the suite would meet it; each test has a suite of its own in each plan.

In this process unless ``CONFORMANCE_OVER_HTTP=1``: then the modules ask ``idp serve`` (``served``).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.provider import PASSWORD, MovedClock, Provider, running, seeded

from .host import Host
from .plans import MODULES, name_of_test, plans_of
from .served import ServedAdapter, WaitingClock, served
from .suite import PERSON as EMAIL
from .suite import Door, Suite
from .wsgi_adapter import WsgiAdapter

__all__ = ["seeded"]

OVER_HTTP = bool(os.environ.get("CONFORMANCE_OVER_HTTP"))
_PRIVATE = "IDP_FETCH_PRIVATE_NETWORKS"
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


@dataclass(frozen=True)
class Asked:
    """The provider, and the way to it for somebody at an address."""

    provider: Provider
    door: Door


@pytest.fixture(scope="module")
def asked(seeded: Path, host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """As README says for the suite: no PKCE of confidential clients, registration open, its host reachable."""
    folder = tmp_path_factory.mktemp("conformance")
    shutil.copy(seeded, folder / "idp.sqlite")
    url = f"sqlite:///{folder / 'idp.sqlite'}"
    clock = WaitingClock() if OVER_HTTP else MovedClock()
    with host.trusted(), running(url, clock, pkce_required="public", fetch_private_networks=True) as made:
        with made.stores.work():
            made.services.accounts.create(EMAIL, PASSWORD, PERSON, email_verified=True)
        if not OVER_HTTP:
            yield Asked(made, lambda address: WsgiAdapter(made.flask.wsgi_app, address))
            return
        with served(folder, url, host.certificate, {"IDP_PKCE_REQUIRED": "public", _PRIVATE: "on"}) as process:
            yield Asked(made, lambda address: ServedAdapter(process.port, address))


@pytest.fixture
def suite(plan: str, asked: Asked, host: Host) -> Iterator[Suite]:
    made = Suite(plan, asked.provider, host, asked.door)
    yield made
    made.unregister()
