"""Dense lanes a second time, as simply as they can be told: tests compare the real ones with this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass
class Place:
    """One location. ``site_id`` is ``<group>_<number>``."""

    site_id: str
    filled: bool = False
    content: str = ""
    locked_by: str = ""
    off: bool = False

    @property
    def number(self) -> int:
        """From the aisle."""
        return int(self.site_id.rsplit("_", 1)[1])


def reachable(
    groups: Sequence[str],
    places: Mapping[str, Sequence[Place]],
    *,
    filled: bool,
    content: str | None,
    lock: bool,
    holder: str,
) -> str | None:
    """The id of the location that a wish gets."""
    for group in groups:
        for place in sorted(places[group], key=lambda one: one.number):
            free = not place.off and not place.locked_by and place.filled == filled
            if place.number == 0 and free and place.content == (content or ""):
                return place.site_id
    for group in groups:
        lane = sorted((place for place in places[group] if place.number > 0), key=lambda one: one.number)
        found = _load(lane, content, holder) if filled else _gap(lane, holder)
        if found is not None and not (lock and found.locked_by):
            return found.site_id
    return None


def _load(lane: list[Place], content: str | None, holder: str) -> Place | None:
    """The first load, when nothing before it is in the way."""
    first = next((place for place in lane if place.filled), None)
    if first is None or content not in (None, first.content):
        return None
    way = lane[: lane.index(first) + 1]
    return None if any(place.off or place.locked_by not in ("", holder) for place in way) else first


def _gap(lane: list[Place], holder: str) -> Place | None:
    """The place before the first that is full or off, or the last of all."""
    stop = next((number for number, place in enumerate(lane) if place.filled or place.off), len(lane))
    way = lane[: stop + 1]
    if stop == 0 or any(place.locked_by not in ("", holder) for place in way):
        return None
    return lane[stop - 1]
