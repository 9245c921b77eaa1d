"""One provider for all foreign clients: a real server process with open registration, on SQLite."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page as BrowserPage
from playwright.sync_api import sync_playwright

from idp.demo.people import ADA
from idp.demo.places import Places
from tests.conformance.host import Host
from tests.demo_stack import running_demo
from tests.user_agent import Page, UserAgent

HERE = Path(__file__).parent
NODE = HERE / "node"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One demo for all of them where tests run in parallel, and time enough to start it."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.xdist_group("demo"))
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="session")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """An https host of agents, for what the provider is to read there."""
    with Host(tmp_path_factory.mktemp("documents")) as host:
        yield host


@pytest.fixture(scope="session")
def provider(documents: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    """The provider with the demo's app, API and people; it believes the certificate of ``documents``."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SSL_CERT_FILE", str(documents.certificate))
        with running_demo(tmp_path_factory.mktemp("interop")) as places:
            yield places


@pytest.fixture
def browser(provider: Places) -> Iterator[UserAgent]:
    """A profile that goes to the provider alone; add to ``origins`` for more."""
    with UserAgent(provider.issuer) as agent:
        yield agent


@pytest.fixture
def page() -> Iterator[BrowserPage]:
    """A page of a real browser with a profile of its own."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield browser.new_page()
        browser.close()


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
