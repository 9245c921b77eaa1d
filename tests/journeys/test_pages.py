"""Every page × scripts × theme × width (pages.md section 4), with pictures of them in test-output/journeys.

A page is loaded once with scripts and once without and turned between looks, which covers every theme
at some width and every width with and without scripts; ``JOURNEY_FULL=1`` loads each combination anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

import pytest
from playwright.sync_api import Browser

from .browsers import FULL, OUTPUT, Profile, Watch
from .gallery import PAGES, Gallery, Stop
from .looking import MOST_BYTES, MOST_REQUESTS, Look, faults, ill_fitting, inaccessible

THEMES, WIDTHS = ("light", "dark", "forced"), (320, 1280)
EVERY_LOOK = tuple(Look(theme, width) for theme, width in product(THEMES, WIDTHS))
WALKS = (
    tuple((scripts, (look,)) for scripts, look in product((True, False), EVERY_LOOK))
    if FULL
    else (
        (True, (Look("light", 1280), Look("dark", 320), Look("forced", 1280))),
        (False, (Look("dark", 1280), Look("forced", 320), Look("light", 320))),
    )
)


@pytest.fixture(scope="module")
def weights() -> Iterator[dict[str, str]]:
    """What each page weighed, written down at the end."""
    lines: dict[str, str] = {}
    yield lines
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "weights.txt").write_text("".join(f"{name:24} {line}\n" for name, line in sorted(lines.items())))


def stand_before(profile: Profile, stop: Stop, issuer: str) -> None:
    if stop.who is not None:
        cookies = [{"name": name, "value": value, "url": issuer} for name, value in stop.who.cookies.items()]
        profile.context.add_cookies([cookie for cookie in cookies if cookie["name"].startswith("idp-")])  # type: ignore[arg-type]
    answer = profile.page.goto(stop.url)
    assert answer is not None
    if stop.step is None:
        assert answer.status == stop.status
        return
    statuses: list[int] = []
    profile.page.on("response", lambda response: statuses.append(response.status))
    stop.step(profile.page)
    profile.page.get_by_role("heading", level=1, name=re.compile("^" + re.escape(stop.heading))).wait_for()
    assert stop.status in statuses


def weigh(watch: Watch) -> tuple[int, int]:
    """Bytes and requests; the icon counts although a browser without a window does not fetch it."""
    icon = 0 if any("icon" in request.url for request in watch.requests) else 1
    return watch.transferred + icon * 600, len(watch.requests) + icon


@pytest.mark.parametrize(("scripts", "looks"), WALKS, ids=[f"{'scripts' if s else 'plain'}-{len(k)}" for s, k in WALKS])
@pytest.mark.parametrize("name", PAGES)
def test_page(
    name: str, scripts: bool, looks: tuple[Look, ...], gallery: Gallery, browser: Browser, weights: dict[str, str]
) -> None:
    gallery.renew()
    stop, issuer = gallery.stops[name], gallery.places.issuer
    profile = Profile(browser.new_context(reduced_motion="reduce", java_script_enabled=scripts))
    page = profile.page
    try:
        looks[0].apply(page)
        stand_before(profile, stop, issuer)
        found = faults(page, profile.watch, issuer, stop.heading)
        size, requests = weigh(profile.watch)
        if stop.step is None and scripts:
            weights[name] = f"{size:6} bytes {requests:2} requests"
            found += [f"{size} bytes"] * (size > MOST_BYTES) + [f"{requests} requests"] * (requests > MOST_REQUESTS)
        for look in looks:
            look.apply(page)
            found += [f"{look}: {fault}" for fault in ill_fitting(page)]
            if scripts and (look.theme != "forced" or FULL):  # forced colours are the person's own
                found += [f"{look}: {fault}" for fault in inaccessible(page)]
            if scripts:
                page.screenshot(path=OUTPUT / f"{name}-{look.theme}-{look.width}.png", full_page=True)
    finally:
        profile.context.close()
    assert found == []


def test_every_page_is_looked_at(gallery: Gallery) -> None:
    assert set(gallery.stops) == set(PAGES)
