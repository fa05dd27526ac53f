"""Storage locations: finding, locking, and saying what stands there."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from execution.effects import (
    AcquireSite,
    ChangeSite,
    Effect,
    LockSite,
    Log,
    NotFound,
    SiteCriteria,
    UnlockSite,
)
from execution.errors import BlockError
from execution.frames import Here
from execution.parameters import duration, flag, param, text, whole
from execution.registry import block

_SITE_ERRORS = MappingProxyType(
    {"site.empty": "``siteId`` is empty", "location_unknown": "there is no location with this id"}
)


@dataclass(slots=True)
class GetIdleSiteParams:
    """Parameters of GetIdleSiteBp."""

    site_id: str | None = param(text, help="Only this location; left out: any.")
    content: str | None = param(text, help="Only locations with exactly this content; left out: any.")
    filled: bool | None = param(flag, help="Only filled (true) or empty ones; left out: both.")
    type: bool | None = param(flag, help="Only physical (true) or logical ones; left out: both.")
    group_name: str | None = param(text, help="Only locations of this group; left out: all groups.")
    locked: bool | None = param(flag, help="Only locked (true) or unlocked ones; left out: unlocked.")
    lock: bool | None = param(flag, help="Whether to lock what is found for this run; left out: no.")
    retry_period: int | None = param(duration, help="What one attempt counts as; left out: 1000, at least 1.")
    retry_times: int | None = param(
        whole, help="How many attempts before going on without one; left out: the setting's number, then it fails."
    )
    if_fair: bool | None = param(
        flag,
        help="Whether to stand in a queue by priority and arrival; only with ``lock`` and ``siteId`` or ``groupName``.",
    )
    order_desc: bool | None = param(flag, help="Whether to look from the last location id backwards; left out: no.")


@dataclass(slots=True)
class LockParams:
    """Parameters of SetSiteLockedBp."""

    site_id: str | None = param(text, required=True, help="The location.")
    if_fair: bool | None = param(flag, help="Whether to stand in a queue by priority and arrival; left out: no.")
    locked_id: str | None = param(text, help="In whose name to lock; left out: this run.")
    retry_times: int | None = param(whole, help="How many attempts of 2 s; left out: without end.")


@dataclass(slots=True)
class UnlockParams:
    """Parameters of SetSiteUnlockedBp."""

    site_id: str | None = param(text, required=True, help="The location.")
    un_locked_id: str | None = param(text, help="In whose name it was locked; left out: this run.")


@dataclass(slots=True)
class SiteParams:
    """Parameters of SetSiteFilledBp and SetSiteEmptyBp."""

    site_id: str | None = param(text, required=True, help="The location.")


@block(
    "GetIdleSiteBp",
    params=GetIdleSiteParams,
    outputs={"siteId": "the location that was found; nothing when ``retryTimes`` was given and is used up"},
    errors={"site_not_found": "nothing was found in as many attempts as the setting allows"},
    example={"groupName": "A", "filled": False, "lock": True},
)
def get_idle_site(run: Here, params: GetIdleSiteParams) -> Generator[Effect, Any, dict[str, Any]]:
    """Finds a location, and locks it when asked; waits until there is one, or the attempts are used up.

    Disabled locations and those whose state is unknown are never found, nor, with ``lock``, those that others hold.
    The first by id is taken. Waiting does not ask again and again: the location that becomes free is given to
    the run that has waited longest, or with ``ifFair`` to the one with the highest priority.
    """
    criteria = SiteCriteria(
        site_id=params.site_id,
        content=params.content,
        filled=params.filled,
        type=None if params.type is None else int(params.type),
        group=params.group_name,
        locked=False if params.locked is None else params.locked,
    )
    answer = yield AcquireSite(
        criteria,
        lock=bool(params.lock),
        fair=bool(params.if_fair and params.lock and (params.site_id or params.group_name)),
        descending=bool(params.order_desc),
        retry_period_ms=1000 if params.retry_period is None else max(1, params.retry_period),
        retry_times=params.retry_times,
    )
    return {"siteId": None if isinstance(answer, NotFound) else answer.site_id}


@block(
    "SetSiteLockedBp",
    params=LockParams,
    outputs={"success": "whether the location is locked now"},
    errors=_SITE_ERRORS,
    example={"siteId": "A-01", "retryTimes": 5},
)
def set_site_locked(run: Here, params: LockParams) -> Generator[Effect, Any, dict[str, Any]]:
    """Locks one location; waits while another holds it. Attempts used up: ``success`` is false, without an error.

    A location that the same holder has locked is locked at once. The log names the holder that is waited for. As a
    direct child of a parallel block, ``success: false`` fails that block.
    """
    site = _site(params.site_id)
    answer = yield LockSite(site, params.locked_id, fair=bool(params.if_fair), retry_times=params.retry_times)
    return {"success": not isinstance(answer, NotFound)}


@block("SetSiteUnlockedBp", params=UnlockParams, errors=_SITE_ERRORS, example={"siteId": "A-01"})
def set_site_unlocked(run: Here, params: UnlockParams) -> Generator[Effect, Any, None]:
    """Unlocks one location; waits while another holds it.

    One that is not locked: a warning in the log, and the task goes on.
    """
    site = _site(params.site_id)
    answer = yield UnlockSite(site, params.un_locked_id)
    if not answer.was_locked:
        yield Log("site.was-not-locked", {"site": site}, level=4)


@block("SetSiteFilledBp", params=SiteParams, errors=_SITE_ERRORS, example={"siteId": "A-01"})
def set_site_filled(run: Here, params: SiteParams) -> Generator[Effect, Any, None]:
    """Marks a location as filled; its content stays as it is."""
    yield ChangeSite(_site(params.site_id), filled=True)


@block("SetSiteEmptyBp", params=SiteParams, errors=_SITE_ERRORS, example={"siteId": "A-01"})
def set_site_empty(run: Here, params: SiteParams) -> Generator[Effect, Any, None]:
    """Marks a location as empty and forgets its content. Its lock stays."""
    yield ChangeSite(_site(params.site_id), filled=False, content="")


def _site(site: str | None) -> str:
    if not site:
        raise BlockError("site.empty", "siteId is empty.", remedy="Give the id of a location.")
    return site
