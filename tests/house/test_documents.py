"""README, CHANGELOG, licence and lock files keep up with the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from idp.settings import Settings

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def _pins(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE))


def _name(requirement: str) -> str:
    """A requirement's normalised project name (PEP 503)."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def test_the_readme_lists_every_setting_and_no_other() -> None:
    readme = (ROOT / "README.md").read_text()
    named = set(re.findall(r"\bIDP_[A-Z_]+\b", readme)) - {"IDP_TEST_NO_SKIP"}
    assert named == {f"IDP_{name.upper()}" for name in Settings.model_fields}


def test_the_changelog_has_an_entry() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(r"^## \[(Unreleased|\d+\.\d+\.\d+)\].*\n+### \w+\n+- ", changelog, re.MULTILINE)


def test_the_licence_is_the_one_that_the_metadata_names() -> None:
    assert PROJECT["license"] == "BSD-3-Clause"
    assert (ROOT / "LICENSE").read_text().startswith("BSD 3-Clause License")


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-serve.lock"])
def test_every_dependency_is_locked_with_hashes(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert {_name(requirement) for requirement in PROJECT["dependencies"]} <= set(_pins(lock))
    assert text.count("==") <= text.count("--hash=sha256:")
    assert "://" not in text, "a lock names packages, not where they come from"


def test_the_lock_for_development_has_everything() -> None:
    extras = [requirement for extra in PROJECT["optional-dependencies"].values() for requirement in extra]
    assert {_name(requirement) for requirement in extras} <= set(_pins("requirements.lock"))


def test_what_serves_is_what_was_tested() -> None:
    tested = _pins("requirements.lock")
    assert all(tested.get(name) == version for name, version in _pins("requirements-serve.lock").items())
