"""One provider for all foreign clients: a real server process with open registration, on SQLite."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from idp.demo.people import ADA
from idp.demo.places import Places
from tests.demo_stack import running_demo
from tests.user_agent import Page, UserAgent

NODE = Path(__file__).parent / "node"


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    """The provider with the demo's app, API and people."""
    with running_demo(tmp_path_factory.mktemp("interop")) as places:
        yield places


@pytest.fixture
def browser(provider: Places) -> Iterator[UserAgent]:
    """A profile that goes to the provider alone; add to ``origins`` for more."""
    with UserAgent(provider.issuer) as agent:
        yield agent


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """Where the npm clients are; ``make test`` installs them (``npm ci`` by the lock file)."""
    modules = NODE / "node_modules"
    if shutil.which("node") is None:
        pytest.skip("node is not installed: clients from npm were not tried")
    if not (modules / "openid-client").is_dir():
        pytest.skip(f"npm ci has not been run in {NODE}: clients from npm were not tried")
    return modules


def sign_in_and_allow(browser: UserAgent) -> Page:
    """From the sign-in page to the client; a consent that was given before is not asked again."""
    browser.submit("Sign in", Email=ADA.email, Password=ADA.password)
    return browser.submit("Allow") if "Allow" in browser.page.buttons else browser.page
