"""What blocks ask of the storage."""

from __future__ import annotations

from dataclasses import dataclass

from execution.effects.base import Storage


@dataclass(frozen=True, slots=True)
class SiteCriteria:
    """Filters of a search; ``None`` means "not asked for"."""

    site_id: str | None = None
    content: str | None = None
    filled: bool | None = None
    type: int | None = None
    group: str | None = None
    locked: bool | None = False


@dataclass(frozen=True, slots=True)
class AcquireSite(Storage):
    """Find a location (and lock it for the run when ``lock``). Answers ``SiteFound``, ``NotFound`` or ``Pending``.

    ``retry_period_ms`` × ``retry_times`` is the deadline; ``retry_times`` ``None`` takes the tunable default and fails
    at the deadline, a given number answers ``NotFound`` there.
    """

    criteria: SiteCriteria
    lock: bool = False
    fair: bool = False
    descending: bool = False
    retry_period_ms: int = 1000
    retry_times: int | None = None


@dataclass(frozen=True, slots=True)
class LockSite(Storage):
    """Lock one location for ``holder`` (``None``: the run).

    Answers ``SiteFound``, ``NotFound`` (tries used up) or ``Pending``.
    """

    site_id: str
    holder: str | None = None
    fair: bool = False
    retry_times: int | None = None


@dataclass(frozen=True, slots=True)
class UnlockSite(Storage):
    """Unlock one location. Already free: succeeds with a warning. Held by another: ``Pending`` until it is released."""

    site_id: str
    holder: str | None = None


@dataclass(frozen=True, slots=True)
class ChangeSite(Storage):
    """Write only the columns given. Emptying clears the content too (the caller passes ``content=""``)."""

    site_id: str
    filled: bool | None = None
    content: str | None = None
    tags: str | None = None


@dataclass(frozen=True, slots=True)
class InspectSite(Storage):
    """Read one location; answers ``SiteState`` or ``None`` when there is none of that id."""

    site_id: str


@dataclass(frozen=True, slots=True)
class QuerySite(Storage):
    """Look once for a location that fits; answers its public fields as a map, or ``None``. Locks nothing."""

    criteria: SiteCriteria
    descending: bool = False


@dataclass(frozen=True, slots=True)
class AcquireLaneSite(Storage):
    """Find the reachable location of a dense lane to take from (``filled``) or to put into; groups in the given order.

    Answers ``SiteFound``, ``NotFound`` or ``Pending``. ``retry_times`` 0: endless, as far as the tunable allows.
    """

    groups: tuple[str, ...]
    filled: bool
    content: str | None = None
    lock: bool = False
    retry: bool = True
    retry_times: int = 0
    retry_period_ms: int = 1000


@dataclass(frozen=True, slots=True)
class ChangeSites(Storage):
    """Write the columns given to all these locations and all locations of these groups; answers how many changed."""

    site_ids: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    filled: bool | None = None
    content: str | None = None
    type: int | None = None


@dataclass(frozen=True, slots=True)
class ReadSiteAttribute(Storage):
    """A built-in (``siteId``, ``filled``, ``content``, ``rowNum`` …) or extension attribute of a location."""

    site_id: str
    name: str


@dataclass(frozen=True, slots=True)
class WriteSiteAttribute(Storage):
    """Write a built-in or extension attribute of a location. The lock is none of them."""

    site_id: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class LockedSites(Storage):
    """Ids of the locations that a run (or any other holder) has locked, in order."""

    holder: str


@dataclass(frozen=True, slots=True)
class Withdraw(Storage):
    """Cancel the waiting requests with these keys: the branches that made them are stopped. Answers ``None``."""

    keys: tuple[str, ...]
