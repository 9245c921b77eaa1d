"""Static files and their weight (pages.md 86, 87)."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import Client

from idp.paths import STATIC
from idp.web.assets import Assets, StaticFiles, publish


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary files that is this test's alone."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    publish.cache_clear()
    yield folder
    publish.cache_clear()


def _get(files: StaticFiles) -> tuple[int, bytes]:
    with Client(files).get(f"/static/{publish(STATIC).names['idp.css']}") as answer:
        return answer.status_code, answer.data


def _files() -> StaticFiles:
    return StaticFiles(lambda _environ, _start: [b""], STATIC, "/static/")


def test_hashed_compressed_and_immutable(client: FlaskClient) -> None:
    url = Assets("")("idp.css")
    assert re.fullmatch(r"/static/idp\.[0-9a-f]{12}\.css", url)
    with client.get(url, headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(answer.data) == (STATIC / "idp.css").read_bytes()
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    with client.get(url, headers={"Accept-Encoding": "identity"}) as answer:
        assert answer.data == (STATIC / "idp.css").read_bytes()


def test_a_name_that_does_not_exist_is_noticed() -> None:
    with pytest.raises(KeyError):
        Assets("")("missing.css")


def test_weight() -> None:
    sizes = {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in STATIC.iterdir() if path.is_file()}
    assert sum(size for name, size in sizes.items() if name.endswith(".js")) <= 3_000
    assert sum(sizes.values()) <= 10_000
    assert (STATIC / "idp.css").stat().st_size <= 10_500


def test_the_sheet_is_neutral_to_direction_and_loads_nothing() -> None:
    css = (STATIC / "idp.css").read_text()
    assert not re.search(r"url\(|@import|!important", css)
    assert not re.search(r"(margin|padding|border|inset)-(left|right|top|bottom)|[;{ ](left|right|float):", css)
    assert "prefers-color-scheme" in css
    assert "forced-colors" in css
    assert "prefers-reduced-motion" in css


def test_scripts_make_one_policy_and_no_markup_elsewhere() -> None:
    scripts = {path.name: path.read_text() for path in STATIC.glob("*.js")}
    assert re.findall(r'createPolicy\("(\w+)"', "".join(scripts.values())) == ["live"]
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|eval\(|document\.write", "".join(scripts.values()))


def _remove_one(directory: Path) -> None:
    (directory / publish(STATIC).names["idp.css"]).unlink()


def _replace(directory: Path) -> None:
    """What anybody may do in ``/tmp`` once the name is free; here a link stands for another's directory."""
    directory.rename(directory.with_name("elsewhere"))
    directory.symlink_to("elsewhere")


@pytest.mark.parametrize("clean", [shutil.rmtree, _remove_one, _replace])
def test_a_cleaner_of_temporary_files_does_no_harm(temporary: Path, clean: Callable[[Path], None]) -> None:
    files = _files()
    (before,) = temporary.iterdir()
    clean(before)
    assert [_get(files) for _ in range(2)] == [(200, (STATIC / "idp.css").read_bytes())] * 2
    assert before.name not in [path.name for path in temporary.iterdir() if not path.is_symlink()]
    assert len(list(temporary.glob(f"idp-static-{os.getpid()}-*"))) == 1 + before.is_symlink()


def test_what_cannot_be_had_is_404(temporary: Path) -> None:
    files = _files()
    shutil.rmtree(temporary)
    assert _get(files)[0] == 404
    temporary.mkdir()
    assert _get(files)[0] == 200


def test_what_killed_processes_left_is_removed_and_nothing_else(temporary: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    stale = temporary / f"idp-static-{dead.pid}-abc_1"
    kept = [temporary / name for name in (f"idp-static-{os.getppid()}-x", "idp-static-old", f"other-{dead.pid}-x")]
    for path in (stale, *kept):
        path.mkdir()
        (path / "file").write_text("")
    link = temporary / f"idp-static-{dead.pid}-link"
    link.symlink_to(kept[1])
    _files()
    assert not stale.exists()
    assert all((path / "file").exists() for path in kept)
    assert link.is_symlink()
