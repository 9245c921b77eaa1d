"""The built wheel, in a fresh virtual environment outside the checkout, serves pages.

In another one that has only what the extra ``resource-server`` names, its SDK verifies tokens.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

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


def _needed(requirement: Requirement, found: set[str]) -> set[str]:
    """The projects that this requirement brings, as installed here."""
    extras = requirement.extras or {""}
    found.add(requirement.name)
    for line in importlib.metadata.requires(requirement.name) or []:
        inner = Requirement(line)
        wanted = inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in extras)
        if wanted and inner.name not in found:
            _needed(inner, found)
    return found


@pytest.fixture(scope="module")
def sdk_alone(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has the wheel and the projects of the extra, and no other."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    projects: set[str] = set()
    for line in extras["resource-server"]:
        _needed(Requirement(line), projects)
    folder = tmp_path_factory.mktemp("sdk")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    [packages] = (folder / "venv").glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    for project in projects:
        for file in importlib.metadata.files(project) or []:
            top = packages / file.parts[0]
            if file.parts[0] not in ("..", "__pycache__") and not top.exists():
                top.symlink_to(Path(str(file.locate())).parents[len(file.parts) - 1] / file.parts[0])
    return folder / "venv" / "bin" / "python"


_VERIFY = """
import sys
from idp.resource_server import ProtectedResource, TokenInvalid, Verifier, VerifierUnavailable
import idp.resource_server.asgi
verifier = Verifier("http://127.0.0.1:9", "https://api.example", client_id="a", client_secret="b", mode="stream")
for token, expected in (("a.b.c", TokenInvalid), (sys.argv[1], VerifierUnavailable)):
    try:
        verifier.check(token)
    except expected as error:
        print(type(error).__name__)
for name in ("flask", "django", "starlette", "sqlalchemy", "authlib"):
    try:
        __import__(name)
    except ImportError:
        print("no", name)
verifier.close()
"""


def test_the_sdk_needs_what_its_extra_names_and_nothing_else(sdk_alone: Path, tmp_path: Path) -> None:
    import jwt

    token = jwt.encode({"sub": "ada"}, "x" * 32, "HS256", headers={"typ": "at+jwt", "kid": "rsa"})
    done = subprocess.run(
        [sdk_alone, "-c", _VERIFY, token],
        cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    frameworks = [f"no {name}" for name in ("flask", "django", "starlette", "sqlalchemy", "authlib")]
    assert done.stdout.split("\n")[:-1] == ["TokenInvalid", "VerifierUnavailable", *frameworks]
