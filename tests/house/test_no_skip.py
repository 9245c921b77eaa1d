"""``IDP_TEST_NO_SKIP`` turns every kind of skip into a failure, and nothing else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CASES = {
    "a test that skips itself": "import pytest\ndef test(): pytest.skip('no browser')",
    "a marked test": "import pytest\n@pytest.mark.skip(reason='no browser')\ndef test(): pass",
    "a module without its library": "import pytest\npytest.importorskip('no_such_library')\ndef test(): pass",
}
EXPECTED_FAILURE = "import pytest\n@pytest.mark.xfail\ndef test(): assert False"


def _run(tmp_path: Path, code: str, no_skip: str, *options: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "test_case.py").write_text(code)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.no_skip", "-p", "no:cacheprovider", *options, "."]
    environment = {**os.environ, "IDP_TEST_NO_SKIP": no_skip, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""}
    return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("code", CASES.values(), ids=list(CASES))
@pytest.mark.parametrize("options", [(), ("-n", "1")], ids=["one process", "xdist"])
def test_a_skip_fails_and_says_why(tmp_path: Path, code: str, options: tuple[str, ...]) -> None:
    done = _run(tmp_path, code, "1", *options)
    assert done.returncode in (1, 2), done.stdout
    assert re.search("no browser|no_such_library", done.stdout)


@pytest.mark.parametrize("code", CASES.values(), ids=list(CASES))
def test_without_it_a_skip_is_a_skip(tmp_path: Path, code: str) -> None:
    assert "1 skipped" in _run(tmp_path, code, "").stdout


def test_an_expected_failure_stays_one(tmp_path: Path) -> None:
    assert "1 xfailed" in _run(tmp_path, EXPECTED_FAILURE, "1").stdout
