"""Static files and their weight (pages.md 86, 87)."""

from __future__ import annotations

import gzip
import re

import pytest
from flask.testing import FlaskClient

from idp.paths import STATIC
from idp.web.assets import Assets


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
    assert (STATIC / "idp.css").stat().st_size <= 10_000


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
