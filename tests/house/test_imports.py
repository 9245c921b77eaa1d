"""The import rules of design.md section 6 are contracts, and the contracts are kept."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def _contracts() -> list[dict[str, object]]:
    return list(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"])


def test_every_rule_has_a_contract() -> None:
    sources = {str(source) for contract in _contracts() for source in contract.get("source_modules", [])}  # type: ignore[attr-defined]
    assert {"idp.web", "idp.oauth", "idp.services", "idp.domain", "idp.storage", "idp.resource_server"} <= sources
    assert "layers" in {contract["type"] for contract in _contracts()}


def test_the_contracts_are_kept() -> None:
    script = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", script, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr
