"""A scene to act in, and its test client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from .scene import Scene


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def client(scene: Scene) -> FlaskClient:
    """The scene's state may change after; what is decided at start (settings) may not."""
    return scene.app().test_client()


@pytest.fixture
def in_request(scene: Scene) -> Iterator[None]:
    """For functions that ask for the language of the page."""
    with scene.app().test_request_context("/"):
        yield
