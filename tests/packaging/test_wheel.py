"""The built wheel, in a fresh virtual environment outside the checkout, serves pages."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging.serving import Served, clean_environment, serving

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        check=True, capture_output=True,
    )  # fmt: skip
    [made] = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the commands of a fresh environment that has the wheel.

    Dependencies are those of this environment, lent by path: a directory named in a .pth file has
    its own .pth files ignored, so the checkout installed here as editable is out of reach there.
    """
    venv = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    python = venv / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, str(wheel)], check=True, env=clean_environment())
    [packages] = venv.glob("lib/python*/site-packages")
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return venv / "bin"


@pytest.fixture(scope="module")
def served(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving([str(installed / "idp")], tmp_path_factory.mktemp("served"), "--workers", "1") as running:
        yield running


def test_the_wheel_has_what_pages_and_tables_need_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for part in ("templates/", "static/", "migrations/env.py", "migrations/versions/"):
        assert any(name.startswith(f"idp/_data/{part}") for name in names), part
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert "idp/py.typed" in names
    assert not [name for name in names if name.startswith("tests") or "__pycache__" in name]


def test_the_installed_package_is_the_one_that_runs(installed: Path, tmp_path: Path) -> None:
    code = "import idp, idp.paths; print(idp.__path__[0]); print(idp.paths.TEMPLATES)"
    done = subprocess.run(
        [installed / "python", "-c", code],
        cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert all(line.startswith(str(installed.parent)) for line in done.stdout.splitlines())


def test_it_serves_the_sign_in_page_and_its_style(served: Served) -> None:
    status, page, _ = served.get("/login")
    assert status == 200
    assert "<html" in page
    [style, *_] = re.findall(r'href="([^"]+\.css[^"]*)"', page)
    status, _, headers = served.get(style.removeprefix(served.address))
    assert (status, headers["Content-Type"].split(";")[0]) == (200, "text/css")


def test_it_knows_its_migrations(installed: Path, tmp_path: Path) -> None:
    def check() -> subprocess.CompletedProcess[str]:
        environment = clean_environment(IDP_DATA_DIR=str(tmp_path / "data"))
        return subprocess.run(
            [installed / "idp", "db", "check", "--json"],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    before = check()
    assert before.returncode == 1
    assert len(json.loads(before.stdout)["pending"]) == len(list((ROOT / "migrations" / "versions").glob("*.py")))
