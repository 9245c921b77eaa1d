"""README's picture of the list of devices: ``python -m tests.journeys.screenshot`` takes it again."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from idp.demo.children import Children
from idp.demo.places import Places, can_bind, places_on
from idp.demo.run import start
from tests.demo_stack import free_places

from .browsers import CHROMIUM, Profile, chromium
from .gallery import furnish
from .picture import smaller

PICTURE = Path(__file__).parent / "pictures" / "sessions.png"
MOST_BYTES = 200_000
USUAL = (8000, 8001, 8002)


def _places(data_dir: Path) -> Places:
    """The demo's own ports, which the picture shows, if nobody has them."""
    free = all(can_bind("127.0.0.1", port) for port in USUAL)
    return places_on(*USUAL, data_dir) if free else free_places(data_dir)


def take(places: Places, path: Path) -> None:
    """The page as Maria sees it, at twice the size so that it stays sharp."""
    gallery = furnish(places)
    stop = gallery.stops["devices"]
    with chromium() as browser:
        profile = Profile(
            browser.new_context(
                viewport={"width": 800, "height": 600}, device_scale_factor=2, color_scheme="light"
            )
        )  # fmt: skip
        cookies = [{"name": name, "value": value, "url": places.issuer} for name, value in gallery.here.cookies.items()]
        profile.context.add_cookies(cookies)  # type: ignore[arg-type]
        profile.page.goto(stop.url)
        profile.page.get_by_role("heading", name=stop.heading).wait_for()
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(smaller(profile.tab(), profile.page.screenshot(full_page=True)))


def main() -> int:
    """0 if the picture was taken and is small enough for a README."""
    if CHROMIUM is None:
        print("chromium is not installed", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as directory, Children(Path(directory) / "logs") as children:
        places = _places(Path(directory))
        start(places, children)
        take(places, PICTURE)
    size = PICTURE.stat().st_size
    print(f"{PICTURE}: {size} bytes")
    return 0 if size <= MOST_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
