"""Colours are never the only sign, and those there are can be seen: computed from the style sheet itself."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from scheduler.states import FACES, Status

CSS = Path(__file__).resolve().parents[2] / "vwed" / "static" / "vwed" / "console.css"
#: The theme's page surfaces: white, and base-900 in the dark.
SURFACES = {"light": "#ffffff", "dark": "#111827"}
TONES = ("idle", "active", "wait", "decide", "bad", "good", "off")


def tokens() -> dict[str, dict[str, str]]:
    """Tone → colour, for the light and the dark theme."""
    text = CSS.read_text(encoding="utf-8")
    blocks = {"light": text.split(":root {")[1].split("}")[0], "dark": text.split("html.dark {")[1].split("}")[0]}
    return {name: dict(re.findall(r"--vw-([\w-]+): (#[0-9a-f]{6});", block)) for name, block in blocks.items()}


def linear(colour: str) -> tuple[float, float, float]:
    """Linear RGB, 0 to 1."""
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return red, green, blue


def contrast(one: str, other: str) -> float:
    """WCAG contrast ratio."""
    lights = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in (linear(one), linear(other)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def oklab(colour: str) -> tuple[float, float, float]:
    """Perceptual coordinates."""
    r, g, b = linear(colour)
    long = math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
    medium = math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
    short = math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("tone", TONES)
def test_every_tone_stands_out_from_the_page(theme: str, tone: str) -> None:
    assert contrast(tokens()[theme][tone], SURFACES[theme]) >= 3


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("tone", ["decide", "bad"])
def test_words_on_filled_chips_are_readable(theme: str, tone: str) -> None:
    found = tokens()[theme]

    assert contrast(found[tone], found["on-filled"]) >= 6


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_tones_differ_from_each_other(theme: str) -> None:
    found = tokens()[theme]
    pairs = [(one, other) for index, one in enumerate(TONES) for other in TONES[index + 1 :]]

    near = {pair: math.dist(oklab(found[pair[0]]), oklab(found[pair[1]])) for pair in pairs}

    assert min(near.values()) >= 0.09, min(near, key=lambda pair: near[pair])


def test_no_two_states_look_the_same_without_colour() -> None:
    signs = [(FACES[status].icon, FACES[status].shape) for status in Status]

    assert len({icon for icon, _shape in signs}) == len(Status)
    assert {FACES[Status.INTERRUPTED].shape, FACES[Status.FAILED].shape} == {"filled"}
