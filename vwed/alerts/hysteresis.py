"""When a value that goes up and down is one alert: pure, without a clock or a database.

An alert opens when its value has been over the threshold for the hold time without a break, and clears when it has
been at most the threshold minus the margin for the hold time without a break. Between the two, and while the value is
unknown, nothing changes: what is being waited for begins anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """Where a value stands."""

    OVER = "over"
    BETWEEN = "between"
    QUIET = "quiet"
    UNKNOWN = "unknown"


class Move(Enum):
    """What becomes of the alert."""

    STAY = "stay"
    OPEN = "open"
    CLEAR = "clear"


@dataclass(frozen=True, slots=True)
class Track:
    """What is remembered of one object between two looks. ``since``: since when it has been on the other side."""

    is_open: bool = False
    since: float | None = None


def level(value: float | None, threshold: float, clear_margin: float) -> Level:
    """Where ``value`` stands; ``None`` is unknown."""
    if value is None:
        return Level.UNKNOWN
    if value > threshold:
        return Level.OVER
    return Level.QUIET if value <= threshold - clear_margin else Level.BETWEEN


def step(track: Track, where: Level, at: float, hold_s: float) -> tuple[Track, Move]:
    """The next track after a look at ``at`` (seconds of any steady clock), and what becomes of the alert."""
    if where is not (Level.QUIET if track.is_open else Level.OVER):
        return Track(track.is_open), Move.STAY
    since = at if track.since is None else track.since
    if at - since < hold_s:
        return Track(track.is_open, since), Move.STAY
    return Track(not track.is_open), Move.CLEAR if track.is_open else Move.OPEN
