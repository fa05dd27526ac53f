"""Storage locations: finding, locking, and saying what stands there."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
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


@dataclass(slots=True)
class GetIdleSiteParams:
    """Parameters of GetIdleSiteBp."""

    site_id: str | None = param(text)
    content: str | None = param(text)
    filled: bool | None = param(flag)
    type: bool | None = param(flag)
    group_name: str | None = param(text)
    locked: bool | None = param(flag)
    lock: bool | None = param(flag)
    retry_period: int | None = param(duration)
    retry_times: int | None = param(whole)
    if_fair: bool | None = param(flag)
    order_desc: bool | None = param(flag)


@dataclass(slots=True)
class LockParams:
    """Parameters of SetSiteLockedBp."""

    site_id: str | None = param(text, required=True)
    if_fair: bool | None = param(flag)
    locked_id: str | None = param(text)
    retry_times: int | None = param(whole)


@dataclass(slots=True)
class UnlockParams:
    """Parameters of SetSiteUnlockedBp."""

    site_id: str | None = param(text, required=True)
    un_locked_id: str | None = param(text)


@dataclass(slots=True)
class SiteParams:
    """Parameters of SetSiteFilledBp and SetSiteEmptyBp."""

    site_id: str | None = param(text, required=True)


@block("GetIdleSiteBp", params=GetIdleSiteParams, outputs=("siteId",))
def get_idle_site(run: Here, params: GetIdleSiteParams) -> Generator[Effect, Any, dict[str, Any]]:
    """Finds a location, and locks it when asked; waits until there is one, or ``retryTimes`` attempts are over."""
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


@block("SetSiteLockedBp", params=LockParams, outputs=("success",))
def set_site_locked(run: Here, params: LockParams) -> Generator[Effect, Any, dict[str, Any]]:
    """Locks one location; waits while another holds it. Attempts used up: ``success`` is false, without an error."""
    site = _site(params.site_id)
    answer = yield LockSite(site, params.locked_id, fair=bool(params.if_fair), retry_times=params.retry_times)
    return {"success": not isinstance(answer, NotFound)}


@block("SetSiteUnlockedBp", params=UnlockParams)
def set_site_unlocked(run: Here, params: UnlockParams) -> Generator[Effect, Any, None]:
    """Unlocks one location; waits while another holds it. One that is not locked: a warning."""
    site = _site(params.site_id)
    answer = yield UnlockSite(site, params.un_locked_id)
    if not answer.was_locked:
        yield Log("site.was-not-locked", {"site": site}, level=4)


@block("SetSiteFilledBp", params=SiteParams)
def set_site_filled(run: Here, params: SiteParams) -> Generator[Effect, Any, None]:
    """Marks a location as filled."""
    yield ChangeSite(_site(params.site_id), filled=True)


@block("SetSiteEmptyBp", params=SiteParams)
def set_site_empty(run: Here, params: SiteParams) -> Generator[Effect, Any, None]:
    """Marks a location as empty and forgets its content."""
    yield ChangeSite(_site(params.site_id), filled=False, content="")


def _site(site: str | None) -> str:
    if not site:
        raise BlockError("site.empty", "siteId is empty.", remedy="Give the id of a location.")
    return site
