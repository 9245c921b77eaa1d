"""The page for developers of apps: fixed words, whatever its address says."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from idp.domain.failed_requests import ERRORS, PARAMETERS, parameter_in, rules

from .scene import Scene

EVIL = '"><script>alert(1)</script>'


def visit(**asked: str) -> object:
    return Scene().app().test_client().get("/authorize/error?" + urlencode(asked))


@pytest.mark.spec("RFC 6749", "4.1.2.1")
def test_it_says_which_parameter_and_which_rule() -> None:
    answer = visit(error="invalid_request", parameter="code_challenge", rule="RFC 7636 4.4.1, RFC 9700 2.1.1")
    assert answer.status_code == 200  # type: ignore[attr-defined]
    text = answer.text  # type: ignore[attr-defined]
    assert "<code>code_challenge</code>" in text
    assert 'href="https://www.rfc-editor.org/rfc/rfc7636#section-4.4.1"' in text
    assert 'href="https://www.rfc-editor.org/rfc/rfc9700#section-2.1.1"' in text


@pytest.mark.parametrize("error", ["", "x", EVIL, "Call +1 555 0100"])
def test_an_error_there_is_not_is_not_found(error: str) -> None:
    assert visit(error=error).status_code == 404  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "rule", [EVIL, "RFC 6749", "RFC 1 2", "Call +1 555 0100", "javascript:alert(1) 1", "Evil Corp 1.2", "x" * 5000]
)  # fmt: skip
def test_what_we_never_say_is_not_shown(rule: str) -> None:
    answer = visit(error="invalid_request", parameter=EVIL, rule=rule)
    assert answer.status_code == 200  # type: ignore[attr-defined]
    for part in (EVIL, rule, "alert(1)"):
        assert part not in answer.text  # type: ignore[attr-defined]


def test_everything_we_cite_can_be_read_somewhere() -> None:
    for section in (
        "RFC 6749 4.1.2.1", "RFC 6749 Appendix A", "RFC 9101 10.4", "OpenID Connect Core 3.1.2.1", "OAuth 2.1 4.1.1",
        "OAuth 2.0 Multiple Response Types 2.1",
    ):  # fmt: skip
        assert [text for text, _address in rules(section)] == [section]
    assert all(address.startswith("https://") for _text, address in rules("RFC 6749 3.1, OpenID Connect Core 5.5"))


def test_a_description_names_its_parameter() -> None:
    assert parameter_in("redirect_uri is not registered for this app") == "redirect_uri"
    assert parameter_in("repeated: nonce") == "nonce"
    assert parameter_in("the parameters are not well-formed") is None
    assert all(text.endswith(".") for text in (*ERRORS.values(), *PARAMETERS.values()))
