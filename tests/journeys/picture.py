"""A screenshot in few bytes: the 256 commonest colours and a palette, where Chromium writes four bytes a pixel."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

from playwright.sync_api import Page

# Rows of palette indexes, each after the byte that says "no filter" (PNG section 9).
_INDEXED = """async (png) => {
    const image = await createImageBitmap(await (await fetch("data:image/png;base64," + png)).blob());
    const { width, height } = image;
    const context = new OffscreenCanvas(width, height).getContext("2d");
    context.drawImage(image, 0, 0);
    const pixels = new Uint32Array(context.getImageData(0, 0, width, height).data.buffer);
    const counts = new Map();
    for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
    const palette = [...counts].sort((one, other) => other[1] - one[1]).slice(0, 256).map(([colour]) => colour);
    const apart = (one, other, bits) => ((one >> bits & 255) - (other >> bits & 255)) ** 2;
    const far = (one, other) => apart(one, other, 0) + apart(one, other, 8) + apart(one, other, 16);
    const nearest = (colour) => palette.reduce((best, other, at) =>
        far(colour, other) < far(colour, palette[best]) ? at : best, 0);
    const index = new Map([...counts.keys()].map((colour) => [colour, nearest(colour)]));
    const rows = new Uint8Array(height * (width + 1));
    pixels.forEach((pixel, at) => { rows[at + Math.floor(at / width) + 1] = index.get(pixel); });
    const packed = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"));
    const bytes = new Uint8Array(await new Response(packed).arrayBuffer());
    return { width, height, palette, rows: btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")) };
}"""


def smaller(page: Page, png: bytes) -> bytes:
    """The same picture with a palette. ``page`` is a blank one to calculate in."""
    found: dict[str, Any] = page.evaluate(_INDEXED, base64.b64encode(png).decode())
    rows = zlib.decompress(base64.b64decode(found["rows"]))
    palette = b"".join(struct.pack("<I", colour)[:3] for colour in found["palette"])
    header = struct.pack(">IIBBBBB", found["width"], found["height"], 8, 3, 0, 0, 0)
    parts = ((b"IHDR", header), (b"PLTE", palette), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
