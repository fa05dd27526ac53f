"""Locations in memory, with the rules of finding, locking and waiting."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from execution.effects import (
    AcquireSite,
    ChangeSite,
    InspectSite,
    LockSite,
    Log,
    NotFound,
    Pending,
    SiteFound,
    SiteState,
    Storage,
    Unlocked,
    UnlockSite,
    Withdraw,
)
from execution.errors import BlockError

DEFAULT_TRIES = 1000


@dataclass(slots=True)
class Site:
    """One location."""

    site_id: str
    group: str = ""
    filled: bool = False
    content: str = ""
    locked_by: str = ""
    disabled: bool = False
    type: int = 1


class FakeSites:
    """Locations by id; ``done`` lists every storage effect that took place, with its key.

    ``withdrawn`` are the keys of requests that are waited for no longer.
    """

    def __init__(self, sites: list[Site] | None = None) -> None:
        self.sites = {site.site_id: site for site in sites or []}
        self.done: list[str] = []
        self.withdrawn: list[str] = []

    def copy(self) -> FakeSites:
        """A copy to go back to when a transaction is not committed."""
        return copy.deepcopy(self)

    def apply(self, effect: Storage, key: str, since_ms: int, now_ms: int, holder: str) -> Any:
        """Carry out a storage effect, as ``CheckpointTx.apply`` does."""
        if isinstance(effect, AcquireSite):
            answer = self._acquire(effect, key, since_ms, now_ms, holder)
        elif isinstance(effect, LockSite):
            answer = self._lock(effect, key, since_ms, now_ms, holder)
        elif isinstance(effect, UnlockSite):
            answer = self._unlock(effect, key, holder)
        elif isinstance(effect, ChangeSite):
            site = self._site(effect.site_id)
            site.filled = site.filled if effect.filled is None else effect.filled
            site.content = site.content if effect.content is None else effect.content
            answer = _state(site)
        elif isinstance(effect, InspectSite):
            found = self.sites.get(effect.site_id)
            answer = None if found is None else _state(found)
        elif isinstance(effect, Withdraw):
            answer = None
            self.withdrawn += effect.keys
        else:
            raise TypeError(type(effect).__name__)
        if not isinstance(answer, Pending):
            self.done.append(key)
        return answer

    def _site(self, site_id: str) -> Site:
        site = self.sites.get(site_id)
        if site is None:
            raise BlockError("site.unknown", f"There is no location {site_id}.", remedy="Create it or correct its id.")
        return site

    def _acquire(self, effect: AcquireSite, key: str, since_ms: int, now_ms: int, holder: str) -> Any:
        for site in sorted(self.sites.values(), key=lambda site: site.site_id, reverse=effect.descending):
            if _fits(site, effect) and (not effect.lock or site.locked_by in ("", holder)):
                if effect.lock:
                    site.locked_by = holder
                return SiteFound(site.site_id)
        tries = DEFAULT_TRIES if effect.retry_times is None else effect.retry_times
        deadline = since_ms + effect.retry_period_ms * tries
        if now_ms < deadline:
            args = {"group": effect.criteria.group or "", "site": effect.criteria.site_id or ""}
            return Pending(f"site:{key}", "location", args, due_ms=deadline, deadline_ms=deadline)
        if effect.retry_times is not None:
            return NotFound(tries)
        raise BlockError("site.none", f"No location was found in {tries} attempts.", remedy="Free a location.")

    def _lock(self, effect: LockSite, key: str, since_ms: int, now_ms: int, holder: str) -> Any:
        site, wanted = self._site(effect.site_id), effect.holder or holder
        if site.locked_by in ("", wanted) and not site.disabled:
            held, site.locked_by = site.locked_by == wanted, wanted
            return SiteFound(site.site_id, already_held=held)
        deadline = None if effect.retry_times is None else since_ms + 2000 * effect.retry_times
        if deadline is not None and now_ms >= deadline:
            return NotFound(effect.retry_times or 0)
        args = {"site": site.site_id, "holder": site.locked_by}
        return Pending(f"site:{key}", "lock", args, deadline, deadline, Log("site.locked", args, level=4))

    def _unlock(self, effect: UnlockSite, key: str, holder: str) -> Any:
        site, wanted = self._site(effect.site_id), effect.holder or holder
        if site.locked_by in ("", wanted):
            was, site.locked_by = bool(site.locked_by), ""
            return Unlocked(site.site_id, was)
        args = {"site": site.site_id, "holder": site.locked_by}
        return Pending(f"site:{key}", "lock", args, log=Log("site.locked", args, level=4))


def _fits(site: Site, effect: AcquireSite) -> bool:
    asked = effect.criteria
    wanted = (
        (asked.site_id, site.site_id),
        (asked.content, site.content),
        (asked.filled, site.filled),
        (asked.type, site.type),
        (asked.group, site.group),
        (asked.locked, bool(site.locked_by)),
    )
    return not site.disabled and all(want is None or want == value for want, value in wanted)


def _state(site: Site) -> SiteState:
    return SiteState(site.site_id, site.filled, site.content, site.locked_by, site.disabled)
