"""One demo stack and one browser for all journeys, which therefore run in one process (``xdist_group``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from idp.demo.places import Places
from tests.demo_stack import running_demo

from .browsers import CHROMIUM, Profile, chromium
from .database import release_brakes
from .gallery import Gallery, furnish
from .people import Person, new_person

HERE = Path(__file__).parent
NewProfile = Callable[..., Profile]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder is a journey and shares the stack of the others."""
    missing = pytest.mark.skip(reason="chromium is not installed: no journey in a real browser was made")
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.journey)
            item.add_marker(pytest.mark.xdist_group("journeys"))
            if CHROMIUM is None:
                item.add_marker(missing)


@pytest.fixture(scope="package")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    """The provider, the third-party app and the API, as ``idp demo`` starts them."""
    with running_demo(tmp_path_factory.mktemp("journeys") / "data") as running:
        yield running


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Not for the whole run: other tests start a browser of their own in this process."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="package")
def gallery(places: Places) -> Gallery:
    """Every page to stand before; looking changes nothing."""
    return furnish(places)


@pytest.fixture(autouse=True)
def _no_brakes(places: Places) -> None:
    release_brakes(places.data_dir)


@pytest.fixture
def person(places: Places) -> Person:
    """Somebody new."""
    return new_person(places)


@pytest.fixture
def profile(browser: Browser) -> Iterator[NewProfile]:
    """Makes browser profiles; at the end none of them may have complained."""
    made: list[Profile] = []

    def new(**options: Any) -> Profile:
        made.append(Profile(browser.new_context(**{"reduced_motion": "reduce", **options})))
        return made[-1]

    yield new
    complaints = [complaint for one in made for complaint in one.complaints]
    for one in made:
        one.context.close()
    assert complaints == []
