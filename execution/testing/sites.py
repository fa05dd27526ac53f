"""Locations in memory, with the rules of finding, locking and waiting."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import Any

from execution.effects import (
    AcquireLaneSite,
    AcquireSite,
    ChangeSite,
    ChangeSites,
    InspectSite,
    LockedSites,
    LockSite,
    Log,
    NotFound,
    Pending,
    QuerySite,
    ReadSiteAttribute,
    SiteCriteria,
    SiteFound,
    SiteState,
    Storage,
    Unlocked,
    UnlockSite,
    Withdraw,
    WriteSiteAttribute,
)
from execution.errors import BlockError
from execution.testing.lanes import reachable

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
    tags: str = ""
    attributes: dict[str, str] = field(default_factory=dict)


#: Built-in attributes that locations in memory have: name in lower case → field, and whether it can be written.
_BUILT_IN = {
    "siteid": ("site_id", False),
    "groupname": ("group", True),
    "filled": ("filled", True),
    "lockedby": ("locked_by", False),
    "content": ("content", True),
    "tags": ("tags", True),
    "disabled": ("disabled", True),
    "type": ("type", True),
}


@dataclass(frozen=True, slots=True)
class _Asking:
    """Who asks, under which key, since when, and what time it is."""

    holder: str
    key: str
    since_ms: int
    now_ms: int


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
        twin = copy.copy(self)
        twin.sites = {key: replace(site, attributes=dict(site.attributes)) for key, site in self.sites.items()}
        twin.done, twin.withdrawn = self.done.copy(), self.withdrawn.copy()
        return twin

    def apply(self, effect: Storage, key: str, since_ms: int, now_ms: int, holder: str) -> Any:
        """Carry out a storage effect, as ``CheckpointTx.apply`` does."""
        answer = self._answer(effect, _Asking(holder, key, since_ms, now_ms))
        if not isinstance(answer, Pending):
            self.done.append(key)
        return answer

    def _answer(self, effect: Storage, asking: _Asking) -> Any:
        match effect:
            case AcquireSite():
                return self._acquire(effect, asking)
            case AcquireLaneSite():
                return self._acquire_in_lane(effect, asking)
            case LockSite():
                return self._lock(effect, asking)
            case UnlockSite():
                return self._unlock(effect, asking)
            case QuerySite():
                return self._query(effect)
            case ChangeSite(site_id=site_id):
                site = self._site(site_id)
                return _state(site, changed=_change(site, effect.filled, effect.content, tags=effect.tags))
            case ChangeSites():
                return self._change_many(effect)
            case InspectSite(site_id=site_id):
                return None if site_id not in self.sites else _state(self.sites[site_id])
            case ReadSiteAttribute(site_id=site_id, name=name):
                return _read(self._site(site_id), name)
            case WriteSiteAttribute(site_id=site_id, name=name, value=value):
                return _write(self._site(site_id), name, value)
            case LockedSites(holder=holder):
                return sorted(site.site_id for site in self.sites.values() if site.locked_by == holder)
            case Withdraw(keys=keys):
                self.withdrawn += keys
                return None
        raise TypeError(type(effect).__name__)

    def _site(self, site_id: str) -> Site:
        site = self.sites.get(site_id)
        if site is None:
            raise BlockError(
                "location_unknown", f"There is no location {site_id}.", remedy="Create it or correct its id."
            )
        return site

    def _acquire(self, effect: AcquireSite, asking: _Asking) -> Any:
        locked = effect.criteria.locked
        usable = ("", asking.holder) if locked is None else (asking.holder,) if locked else ("",)
        for site in self._by_id(descending=effect.descending):
            if _fits(site, effect.criteria) and site.locked_by in usable:
                if effect.lock:
                    site.locked_by = asking.holder
                return SiteFound(site.site_id)
        args = {"group": effect.criteria.group or "", "site": effect.criteria.site_id or ""}
        return _wait(asking, "location", args, effect.retry_period_ms, effect.retry_times)

    def _acquire_in_lane(self, effect: AcquireLaneSite, asking: _Asking) -> Any:
        site = reachable(self.sites.values(), effect, asking.holder)
        if site is not None:
            held = bool(site.locked_by)
            if effect.lock:
                site.locked_by = asking.holder
            return SiteFound(site.site_id, already_held=held)
        if not effect.retry:
            return NotFound(1)
        args = {"groups": list(effect.groups)}
        return _wait(asking, "lane", args, effect.retry_period_ms, effect.retry_times or None)

    def _query(self, effect: QuerySite) -> dict[str, Any] | None:
        locked = effect.criteria.locked
        sites = [site for site in self._by_id(descending=effect.descending) if _fits(site, effect.criteria)]
        site = next((site for site in sites if locked is None or locked == bool(site.locked_by)), None)
        return None if site is None else {"siteId": site.site_id, "filled": int(site.filled), "content": site.content}

    def _change_many(self, effect: ChangeSites) -> int:
        chosen = {site_id: self._site(site_id) for site_id in effect.site_ids}
        for group in effect.groups:
            members = {site.site_id: site for site in self.sites.values() if site.group == group}
            if not members:
                raise BlockError("group_unknown", f"No location belongs to group {group}.")
            chosen |= members
        if not chosen or (effect.filled, effect.content, effect.type) == (None, None, None):
            raise BlockError("location_value", "Nothing is to be set.")
        return sum(_change(site, effect.filled, effect.content, effect.type) for site in chosen.values())

    def _by_id(self, *, descending: bool) -> list[Site]:
        return sorted(self.sites.values(), key=lambda site: site.site_id, reverse=descending)

    def _lock(self, effect: LockSite, asking: _Asking) -> Any:
        site, wanted = self._site(effect.site_id), effect.holder or asking.holder
        if site.locked_by in ("", wanted) and not site.disabled:
            held, site.locked_by = site.locked_by == wanted, wanted
            return SiteFound(site.site_id, already_held=held)
        deadline = None if effect.retry_times is None else asking.since_ms + 2000 * effect.retry_times
        if deadline is not None and asking.now_ms >= deadline:
            return NotFound(effect.retry_times or 0)
        args = {"site": site.site_id, "holder": site.locked_by}
        return Pending(f"site:{asking.key}", "lock", args, deadline, deadline, Log("site.locked", args, level=4))

    def _unlock(self, effect: UnlockSite, asking: _Asking) -> Any:
        site, wanted = self._site(effect.site_id), effect.holder or asking.holder
        if site.locked_by in ("", wanted):
            was, site.locked_by = bool(site.locked_by), ""
            return Unlocked(site.site_id, was)
        args = {"site": site.site_id, "holder": site.locked_by}
        return Pending(f"site:{asking.key}", "lock", args, log=Log("site.locked", args, level=4))


def _wait(asking: _Asking, code: str, args: dict[str, Any], period_ms: int, given: int | None) -> Pending | NotFound:
    """Wait until the deadline; there, fail, or answer that there is none when a number of tries was given."""
    tries = DEFAULT_TRIES if given is None else given
    deadline = asking.since_ms + period_ms * tries
    if asking.now_ms < deadline:
        return Pending(f"site:{asking.key}", code, args, due_ms=deadline, deadline_ms=deadline)
    if given is not None:
        return NotFound(tries)
    raise BlockError("site_not_found", f"No location was found in {tries} attempts.", remedy="Free a location.")


def _fits(site: Site, asked: SiteCriteria) -> bool:
    wanted = (
        (asked.site_id, site.site_id),
        (asked.content, site.content),
        (asked.filled, site.filled),
        (asked.type, site.type),
        (asked.group, site.group),
    )
    return not site.disabled and all(want is None or want == value for want, value in wanted)


def _change(
    site: Site, filled: bool | None, content: str | None, type: int | None = None, tags: str | None = None
) -> bool:
    given = {"filled": filled, "content": content, "type": type, "tags": tags}
    differing = {name: value for name, value in given.items() if value is not None and value != getattr(site, name)}
    for name, value in differing.items():
        setattr(site, name, value)
    return bool(differing)


def _read(site: Site, name: str) -> Any:
    column, _writable = _BUILT_IN.get(name.lower(), ("", False))
    if not column:
        return site.attributes.get(name)
    value = getattr(site, column)
    return int(value) if isinstance(value, bool) else value


def _write(site: Site, name: str, value: str) -> None:
    column, writable = _BUILT_IN.get(name.lower(), ("", True))
    if not writable:
        raise BlockError("location_value", f"The attribute {name} cannot be set.")
    if not column:
        site.attributes[name] = value
    elif column in ("filled", "disabled", "type"):
        if value.lower() not in ("true", "false", "1", "0"):
            raise BlockError("location_value", f"{name} is true or false, not {value[:40]}.")
        on = value.lower() in ("true", "1")
        setattr(site, column, int(on) if column == "type" else on)
    else:
        setattr(site, column, value)


def _state(site: Site, *, changed: bool = False) -> SiteState:
    return SiteState(site.site_id, site.filled, site.content, site.locked_by, site.disabled, changed=changed)
