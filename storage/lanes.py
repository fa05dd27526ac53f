"""Dense lanes: a group whose locations stand one behind the other, numbered from the aisle (``<name>_1``, ``_2`` ...).

Only the first load can be taken, and only the last place before it can be filled. Number 0 stands beside its lane and
is reached directly. What is off or locked by another is in the way. Pure: the rows are read by ``storage.lane_search``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from storage.criteria import RequestLike, Wanted, lane_keys
from storage.errors import InvalidValue, NotInALane

#: Groups that one request may name.
MOST_GROUPS = 100
_NUMBER = re.compile(r"_([0-9]+)\Z")


@dataclass(frozen=True, slots=True)
class LaneSite:
    """One location of a lane, as far as it decides what is reachable. ``off``: disabled, or its sensor unknown."""

    id: int
    site_id: str
    group: str
    filled: bool
    content: str
    locked_by: str
    off: bool

    @property
    def number(self) -> int | None:
        """Its place from the aisle; ``None`` when its id has no number."""
        found = _NUMBER.search(self.site_id)
        return None if found is None else int(found[1])


@dataclass(frozen=True, slots=True)
class LaneWish:
    """What is wanted: to take a load (``filled``, by ``content`` when given), or a place to put one."""

    groups: tuple[str, ...]
    filled: bool
    content: str | None
    lock: bool
    holder: str


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why a lane is unusable: ``site`` and what is the matter with it (see ``storage.search.Obstacle``).

    Without a site the lane holds nothing that could be taken.
    """

    group: str
    why: str
    site: LaneSite | None = None


Group = Sequence[LaneSite]


def wish(wanted: Wanted) -> LaneWish:
    """The wish of a search.

    Raises:
        InvalidValue: it names no group, or too many.
    """
    asked = wanted.criteria
    groups = tuple(dict.fromkeys(asked.groups))
    if not groups or len(groups) > MOST_GROUPS:
        raise InvalidValue(f"{len(groups)} lanes are named.", f"Name 1 to {MOST_GROUPS} groups.")
    return LaneWish(groups, bool(asked.filled), asked.content, wanted.lock, wanted.lock_name)


def wish_of(request: RequestLike) -> LaneWish:
    """The wish of a lane request that waits."""
    groups = tuple(request.lane_groups or ())
    return LaneWish(groups, bool(request.filled), request.content, request.lock, request.lock_for)


def arrange(sites: Iterable[LaneSite]) -> dict[str, Group]:
    """The locations by group, from the aisle inwards. One without a number stands in no lane."""
    numbered = [(site.group, number, site.site_id, site) for site in sites if (number := site.number) is not None]
    numbered.sort(key=itemgetter(0, 1, 2))
    return {group: [item[3] for item in items] for group, items in groupby(numbered, itemgetter(0))}


def check(sites: Iterable[LaneSite]) -> None:
    """Refuse groups with a location that has no number.

    Raises:
        NotInALane: it is named.
    """
    for site in sites:
        if site.number is None:
            raise NotInALane(site.site_id, site.group)


def choose(groups: Mapping[str, Group], wanted: LaneWish) -> LaneSite | None:
    """The location to take from or to put into: direct ones first, then the lanes in their order."""
    named = [groups.get(group, ()) for group in wanted.groups]
    for sites in named:
        for site in sites:
            if _is_direct(site, wanted):
                return site
    for sites in named:
        found = walk(sites, wanted)
        if isinstance(found, LaneSite):
            return found
    return None


def walk(sites: Group, wanted: LaneWish) -> LaneSite | Blocked:
    """Walk into one lane from the aisle: where the wish ends, or what is in its way."""
    inside = [site for site in sites if site.number]
    group = sites[0].group if sites else ""
    found = _take(inside, wanted, group) if wanted.filled else _put(inside, wanted, group)
    if isinstance(found, LaneSite) and wanted.lock and found.locked_by:
        # The run's own lock: another of its branches has chosen this location.
        return Blocked(group, "locked", found)
    return found


def _take(inside: Group, wanted: LaneWish, group: str) -> LaneSite | Blocked:
    for site in inside:
        if site.off:
            return Blocked(group, "off", site)
        if site.locked_by not in ("", wanted.holder):
            return Blocked(group, "locked", site)
        if site.filled:
            fits = wanted.content is None or site.content == wanted.content
            return site if fits else Blocked(group, "content", site)
    return Blocked(group, "fill")


def _put(inside: Group, wanted: LaneWish, group: str) -> LaneSite | Blocked:
    last: LaneSite | None = None
    for site in inside:
        if site.locked_by not in ("", wanted.holder):
            return Blocked(group, "locked", site)
        if site.filled or site.off:
            return last or Blocked(group, "off" if site.off else "fill", site)
        last = site
    return last or Blocked(group, "fill")


def _is_direct(site: LaneSite, wanted: LaneWish) -> bool:
    return (
        site.number == 0
        and not (site.off or site.locked_by)
        and site.filled == wanted.filled
        and site.content == (wanted.content or "")
    )


def obstacles(groups: Mapping[str, Group], wanted: LaneWish) -> list[Blocked]:
    """What is in the way of a wish, one entry per lane."""
    found = (walk(groups.get(group, ()), wanted) for group in wanted.groups)
    return [
        Blocked(group, one.why, one.site)
        for group, one in zip(wanted.groups, found, strict=True)
        if isinstance(one, Blocked)
    ]


def offers(group: str, sites: Group) -> tuple[list[str], list[str]]:
    """What a group offers to anybody, as the keys under which requests want it: of its lane, of direct locations.

    Who holds locks in the lane may reach more than that: his own are not in his way.
    """
    nobody = LaneWish((group,), filled=False, content=None, lock=True, holder="")
    lane: list[str] = []
    if isinstance(walk(sites, nobody), LaneSite):
        lane.append(lane_keys(group, filled=False, content=None)[0])
    load = walk(sites, LaneWish((group,), filled=True, content=None, lock=True, holder=""))
    if isinstance(load, LaneSite):
        lane += [lane_keys(group, filled=True, content=content)[0] for content in (None, load.content)]
    direct = [
        lane_keys(group, site.filled, site.content)[1]
        for site in sites
        if site.number == 0 and not (site.off or site.locked_by)
    ]
    return lane, direct
