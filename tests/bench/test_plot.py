"""The plot is a picture of its numbers."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from .plot import percentile, shares_over_time


def test_percentiles() -> None:
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile(list(range(100)), 0.99) == 99
    assert percentile([7], 0.99) == 7


def test_each_series_is_a_curve_with_its_figures() -> None:
    text = shares_over_time("Sign out & gone", {"press": [10.0, 20.0, 400.0], "answer": [1.0, 2.0]}, 250, 300)
    drawing = ET.fromstring(text)
    assert drawing.attrib["viewBox"] == "0 0 720 360"
    curves = [item for item in drawing if item.attrib.get("class") == "line"]
    assert len(curves) == 2
    assert "press: p50 20, p99 400, most 400 ms" in text
    assert "Sign out &amp; gone" in text
    numbers = [float(n) for curve in curves for pair in curve.attrib["d"][1:].split("L") for n in pair.split(",")]
    assert all(0 <= number <= 720 for number in numbers)
