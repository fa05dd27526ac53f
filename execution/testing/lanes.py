"""Dense lanes of locations in memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from execution.effects import AcquireLaneSite
from execution.errors import BlockError

if TYPE_CHECKING:
    from execution.testing.sites import Site


def reachable(sites: Iterable[Site], asked: AcquireLaneSite, holder: str) -> Site | None:
    """The location that a search in lanes finds, as the storage finds it."""
    lanes = {group: _numbered(sites, group) for group in asked.groups}
    for lane in lanes.values():
        for number, site in lane:
            fits = not site.disabled and not site.locked_by and site.filled == asked.filled
            if number == 0 and fits and site.content == (asked.content or ""):
                return site
    for lane in lanes.values():
        inside = [site for number, site in lane if number]
        found = _load(inside, asked.content, holder) if asked.filled else _gap(inside, holder)
        if found is not None and not (asked.lock and found.locked_by):
            return found
    return None


def _numbered(sites: Iterable[Site], group: str) -> list[tuple[int, Site]]:
    lane = []
    for site in sites:
        if site.group == group:
            _name, mark, number = site.site_id.rpartition("_")
            if not mark or not number.isdecimal():
                raise BlockError("location_no_lane", f"The id of {site.site_id} does not end in a number.")
            lane.append((int(number), site))
    return sorted(lane, key=lambda item: item[0])


def _load(inside: list[Site], content: str | None, holder: str) -> Site | None:
    for site in inside:
        if site.disabled or site.locked_by not in ("", holder):
            return None
        if site.filled:
            return site if content in (None, site.content) else None
    return None


def _gap(inside: list[Site], holder: str) -> Site | None:
    last = None
    for site in inside:
        if site.locked_by not in ("", holder):
            return None
        if site.filled or site.disabled:
            break
        last = site
    return last
