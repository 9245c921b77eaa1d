"""How apps are shown (security.md section G)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from idp.web.app_face import clean_name, face, host_of, link

from .scene import PHOTOS, WIKI

ISSUER = "https://id.example"


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Photos", "Photos"), ("evil\u202egnp.exe", "evilgnp.exe"), ("a\x00b\x1b[31m", "ab[31m"),
     ("two\nlines", "two lines"), ("zero\u200bwidth\ufeff", "zerowidth"),
     ("می\u200cخواهم", "می\u200cخواهم"), ("  ", ""), ("\u200d", ""),
     ("x" * 200, "x" * 79 + "…")],
)  # fmt: skip
def test_names_cannot_lie_by_their_letters(name: str, shown: str) -> None:
    assert clean_name(name) == shown


@pytest.mark.parametrize(
    "url",
    [None, "", "javascript:alert(1)", "JAVASCRIPT:alert(1)", "data:text/html,x", "http://photos.example/",
     "//evil.example", "https://user@photos.example/", "https://", "https://[x", "ftp://photos.example/"],
)  # fmt: skip
def test_links_are_https_or_none(url: str | None) -> None:
    assert link(url) is None


def test_links_show_their_host_in_ascii() -> None:
    shown = link("https://аpple.example/privacy")
    assert shown is not None
    assert shown.host.startswith("xn--")
    assert link("http://localhost:3000/") is not None


@pytest.mark.parametrize(
    ("uri", "host"),
    [("https://photos.example:8443/cb", "photos.example:8443"), ("http://127.0.0.1:1234/", None), ("com.app:/cb", None),
     ("http://localhost/cb", None), ("https://[x", None),
     ("https://photos.example:443/cb", "photos.example"), ("https://photos.example:99999/cb", None)],
)  # fmt: skip
def test_where_an_answer_goes(uri: str, host: str | None) -> None:
    assert host_of(uri) == host


@pytest.mark.usefixtures("in_request")
def test_faces() -> None:
    operated = face(PHOTOS, issuer=ISSUER)
    assert (operated.name, operated.host, operated.vouched, operated.initial) == ("Photos", "photos.example", True, "P")
    claimed = face(WIKI, "https://wiki.example/cb", issuer=ISSUER)
    assert (claimed.name, claimed.host, claimed.vouched) == ("Wiki Deluxe", "wiki.example", False)
    assert face(replace(WIKI, client_name="\u202e"), issuer=ISSUER).name == "wiki.example"
    assert (
        face(replace(WIKI, client_name="", redirect_uris=("com.app:/",)), issuer=ISSUER).name == "An app without a name"
    )
    assert face(replace(PHOTOS, metadata={"client_name#en": "Pictures"}), issuer=ISSUER).name == "Pictures"


@pytest.mark.spec("OpenID Connect Core 1.0", "4")
@pytest.mark.usefixtures("in_request")
def test_an_app_that_begins_sign_ins_itself_is_told_with_whom() -> None:
    """Where it did not say so, its home page is the way back, and there is nothing to open."""
    plain = face(PHOTOS, issuer=ISSUER)
    assert plain.sign_in is None
    assert plain.home is not None
    begins = replace(PHOTOS, metadata={**PHOTOS.metadata, "initiate_login_uri": "https://photos.example/start?a=1"})
    shown = face(begins, issuer=ISSUER)
    assert shown.sign_in == shown.home
    assert shown.sign_in is not None
    assert shown.sign_in.url == "https://photos.example/start?a=1&iss=https%3A%2F%2Fid.example"
    odd = replace(PHOTOS, metadata={"initiate_login_uri": "javascript:alert(1)"})
    assert face(odd, issuer=ISSUER).sign_in is None
