"""A distribution as an SVG of our own: how large a share came by when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 720, 360, 56, 44, 48, 24
_COLOURS = ("#0b5fff", "#b4540a")
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#24292f}.quiet{fill:#57606a}.grid{stroke:#d0d7de}"
    ".line{fill:none;stroke-width:2}.bound{stroke:#cf222e;stroke-dasharray:5 4}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.quiet{fill:#9198a1}.grid{stroke:#3d444d}.paper{fill:#0d1117}}"
)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def shares_over_time(title: str, series: Mapping[str, Sequence[float]], bound: float, most: float) -> str:
    """The cumulative distribution of each series (milliseconds), from 0 to ``most``, with a line at ``bound``."""
    place, floor = _x(bound, most), HEIGHT - BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title>",
        f'<style>{_STYLE}</style><rect class="paper" width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="22" font-weight="600">{escape(title)}</text>',
        *_grid(most),
        _line(f"M{place},{TOP}V{floor}", "grid bound"),
        f'<text class="quiet" x="{place - 6}" y="{floor - 8}" text-anchor="end">{bound:g} ms</text>',
        *(part for number, (name, values) in enumerate(series.items()) for part in _curve(number, name, values, most)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _grid(most: float) -> list[str]:
    step = next(step for step in (10, 25, 50, 100, 250, 500, 1000, 2500, 10**9) if most / step <= 12)
    rows = [
        _line(f"M{LEFT},{_y(share)}H{WIDTH - RIGHT}", "grid")
        + f'<text class="quiet" x="{LEFT - 8}" y="{_y(share) + 4}" text-anchor="end">{share:.0%}</text>'
        for share in (0, 0.25, 0.5, 0.75, 1)
    ]
    places = [step * number for number in range(int(most // step) + 1)]
    columns = [
        f'<text class="quiet" x="{_x(place, most)}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{place:g} ms</text>'
        for place in places
    ]
    return [*rows, *columns]


def _curve(number: int, name: str, values: Sequence[float], most: float) -> list[str]:
    """Steps thinned to one for each point of the drawing's width."""
    ordered, colour = sorted(values), _COLOURS[number % len(_COLOURS)]
    count = len(ordered)
    thinned = sorted({int(index * (count - 1) / 400) for index in range(401)})
    points = "L".join(f"{_x(min(max(ordered[i], 0), most), most)},{_y((i + 1) / count)}" for i in thinned)
    told = f"{name}: p50 {percentile(ordered, 0.5):.0f}, p99 {percentile(ordered, 0.99):.0f}, most {ordered[-1]:.0f} ms"
    place = HEIGHT - BOTTOM - 52 + 20 * number
    return [
        f'<path class="line" stroke="{colour}" d="M{_x(max(ordered[0], 0), most)},{_y(0)}L{points}"/>',
        f'<text x="{WIDTH - RIGHT - 4}" y="{place}" text-anchor="end" style="fill:{colour}">{escape(told)}</text>',
    ]


def _line(path: str, kind: str) -> str:
    return f'<path class="{kind}" d="{path}"/>'


def _x(value: float, most: float) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * value / most, 1)


def _y(share: float) -> float:
    return round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * share, 1)
