"""The accent colour (pages.md 79, 80)."""

from __future__ import annotations

import pytest

from idp.errors import ConfigurationError
from idp.settings import Settings
from idp.web.accent import check_accent, contrast, for_dark, make_theme, parse_colour

from .scene import Scene

WHITE, BLACK, DARK = (255, 255, 255), (0, 0, 0), (24, 27, 34)


def test_contrast_by_wcag() -> None:
    assert contrast(WHITE, BLACK) == pytest.approx(21)
    assert contrast((118, 118, 118), WHITE) == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("color", ["#0b5fff", "#000000", "#7a1fa2", "#B3211B"])
def test_readable_colours_pass_and_are_lightened_for_the_dark(color: str) -> None:
    assert check_accent(color) is None
    colour = parse_colour(color)
    assert colour is not None
    lighter = for_dark(colour)
    assert contrast(lighter, DARK) >= 4.5
    assert contrast(lighter, (12, 14, 19)) >= 4.5
    assert make_theme(color).css.startswith(f":root{{--accent:{color.lower()};")


@pytest.mark.parametrize("color", ["#ffcc00", "#00d084", "#fff", "red", "#0b5fff;}body{display:none", "", "#٠b5fff"])
def test_others_are_refused_at_start(color: str) -> None:
    assert check_accent(color)
    with pytest.raises(ValueError, match="IDP_ACCENT_COLOR"):
        make_theme(color)
    with pytest.raises(ConfigurationError):
        Scene(settings=Settings(accent_color=color)).app()


def test_the_sheet_may_be_kept_for_ever_because_its_address_changes() -> None:
    client = Scene().app().test_client()
    sheet = client.get("/theme.css")
    assert sheet.mimetype == "text/css"
    assert "immutable" in sheet.headers["Cache-Control"]
    assert client.get("/theme.css", headers={"If-None-Match": sheet.headers["ETag"]}).status_code == 304
    assert make_theme("#0b5fff").fingerprint in client.get("/login").text
