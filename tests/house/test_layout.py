"""What stands where (design.md section 6)."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOP = {
    ".ci", ".dockerignore", ".gitignore", "CHANGELOG.md", "Dockerfile", "LICENSE", "Makefile", "README.md",
    "docker-compose.yml", "idp", "migrations", "pyproject.toml", "requirements-serve.lock",
    "requirements.lock", "static", "templates", "tests",
}  # fmt: skip
ROOMS = {
    "__init__", "__main__", "admin", "again", "app", "asgi", "bodies", "browser", "cli", "client_address",
    "client_certificate", "courier",
    "demo", "documents", "domain", "errors", "every_request", "fast_lane", "fetch_slots", "housekeeper", "jose", "logs",
    "mail_server", "metrics", "oauth", "oidc",
    "outgoing", "own_addresses", "paths", "resource_server", "services",
    "settings", "signing_out", "storage", "streams", "underscores", "web", "wsgi",
}  # fmt: skip
DRAWERS = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "base", "misc"}


def _tracked(*patterns: str) -> list[Path]:
    """Files of this repository, those not committed yet too."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [Path(name) for name in listed if (ROOT / name).exists()]


@pytest.fixture(autouse=True)
def _in_a_checkout() -> None:
    assert (ROOT / ".git").exists(), "these tests read what git tracks"


def test_the_top_level_is_fixed() -> None:
    assert {path.parts[0] for path in _tracked()} <= TOP


def test_the_rooms_of_the_package_are_fixed() -> None:
    assert {path.parts[1].removesuffix(".py") for path in _tracked("idp/*.py", "idp/**/*.py")} <= ROOMS


def test_no_module_is_a_drawer() -> None:
    names = {part.removesuffix(".py").strip("_") for path in _tracked("idp", "tests") for part in path.parts}
    assert not names & DRAWERS


def test_a_protocol_file_is_named_after_its_specification_and_says_so_first() -> None:
    for path in _tracked("idp/oauth"):
        if number := re.match(r"rfc(\d{4})_", path.name):
            first = (ast.get_docstring(ast.parse((ROOT / path).read_text())) or "").split("\n")[0]
            assert f"RFC {number[1]}" in first, f"{path}: its first line names RFC {number[1]}"


def _undocumented(path: Path) -> list[str]:
    """The module and its public top-level classes and functions that have no docstring."""
    tree = ast.parse((ROOT / path).read_text())
    parts: list[ast.Module | ast.FunctionDef | ast.ClassDef] = [tree] if tree.body else []
    parts += [
        node
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_") and not _story(node)
    ]
    return [f"{path} {getattr(part, 'name', '(module)')}" for part in parts if ast.get_docstring(part) is None]


def _story(node: ast.FunctionDef | ast.ClassDef) -> bool:
    """A port, told by its name and its methods' docstrings; the module's docstring has its rules."""
    return isinstance(node, ast.ClassDef) and any(
        isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases
    )


def test_everything_public_says_what_it_promises() -> None:
    assert [name for path in _tracked("idp/*.py", "idp/**/*.py") for name in _undocumented(path)] == []


def test_every_package_opens_with_what_it_owns() -> None:
    empty = [str(path) for path in _tracked("idp/**/__init__.py", "idp/__init__.py") if not (ROOT / path).read_text()]
    assert empty == []
