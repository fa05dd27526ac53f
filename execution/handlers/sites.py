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
from execution.parameters import duration, flag, param, shown, text, whole
from execution.registry import block

SITE_ERRORS = MappingProxyType(
    {"site.empty": "``siteId`` is empty", "location_unknown": "there is no location with this id"}
)


def name(value: Any) -> str | None:
    """text of at most 128 characters."""
    return _at_most(128, value)


def goods(value: Any) -> str | None:
    """text of at most 255 characters."""
    return _at_most(255, value)


def _at_most(length: int, value: Any) -> str | None:
    words = text(value)
    if words is not None and len(words) > length:
        raise ValueError(f"a text of at most {length} characters is wanted, not {shown(value)} of {len(words)}")
    return words


@dataclass(slots=True)
class GetIdleSiteParams:
    """Parameters of GetIdleSiteBp."""

    site_id: str | None = param(name, help="Only this location; left out: any.")
    content: str | None = param(goods, help="Only locations with exactly this content; left out: any.")
    filled: bool | None = param(flag, help="Only filled (true) or empty ones; left out: both.")
    type: bool | None = param(flag, help="Only physical (true) or logical ones; left out: both.")
    group_name: str | None = param(name, help="Only locations of this group; left out: all groups.")
    locked: bool | None = param(
        flag, help="Only locations that this run has locked (true), or unlocked ones; left out: unlocked."
    )
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

    site_id: str | None = param(name, required=True, help="The location.")
    if_fair: bool | None = param(flag, help="Whether to stand in a queue by priority and arrival; left out: no.")
    locked_id: str | None = param(name, help="In whose name to lock; left out: this run.")
    retry_times: int | None = param(whole, help="How many attempts of 2 s; left out: without end.")


@dataclass(slots=True)
class UnlockParams:
    """Parameters of SetSiteUnlockedBp."""

    site_id: str | None = param(name, required=True, help="The location.")
    un_locked_id: str | None = param(name, help="In whose name it was locked; left out: this run.")


@dataclass(slots=True)
class SiteParams:
    """Parameters of SetSiteFilledBp and SetSiteEmptyBp."""

    site_id: str | None = param(name, required=True, help="The location.")


@dataclass(slots=True)
class ContentParams:
    """Parameters of SetSiteContentBp."""

    site_id: str | None = param(name, required=True, help="The location.")
    content: str | None = param(goods, help="The goods code; left out: none.")


@dataclass(slots=True)
class TagsParams:
    """Parameters of SetSiteTagsBp."""

    site_id: str | None = param(name, required=True, help="The location.")
    tags: str | None = param(goods, help="The tags; left out: none.")


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
    The first by id is taken. Waiting does not ask again and again: the location that becomes free is given to the
    run with the highest priority, among equals to the one that has waited longest. With ``ifFair`` a run that
    comes later lets those in its queue go first even when it finds one at once.
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
    errors=SITE_ERRORS,
    example={"siteId": "A-01", "retryTimes": 5},
)
def set_site_locked(run: Here, params: LockParams) -> Generator[Effect, Any, dict[str, Any]]:
    """Locks one location; waits while another holds it. Attempts used up: ``success`` is false, without an error.

    A location that the same holder has locked is locked at once. The log names the holder that is waited for. As a
    direct child of a parallel block, ``success: false`` fails that block.
    """
    site = given(params.site_id)
    answer = yield LockSite(site, params.locked_id, fair=bool(params.if_fair), retry_times=params.retry_times)
    return {"success": not isinstance(answer, NotFound)}


@block("SetSiteUnlockedBp", params=UnlockParams, errors=SITE_ERRORS, example={"siteId": "A-01"})
def set_site_unlocked(run: Here, params: UnlockParams) -> Generator[Effect, Any, None]:
    """Unlocks one location; waits while another holds it.

    One that is not locked: a warning in the log, and the task goes on.
    """
    site = given(params.site_id)
    answer = yield UnlockSite(site, params.un_locked_id)
    if not answer.was_locked:
        yield Log("site.was-not-locked", {"site": site}, level=4)


@block("SetSiteFilledBp", params=SiteParams, errors=SITE_ERRORS, example={"siteId": "A-01"})
def set_site_filled(run: Here, params: SiteParams) -> Generator[Effect, Any, None]:
    """Marks a location as filled; its content stays as it is."""
    yield ChangeSite(given(params.site_id), filled=True)


@block("SetSiteContentBp", params=ContentParams, errors=SITE_ERRORS, example={"siteId": "A-01", "content": "pallet 7"})
def set_site_content(run: Here, params: ContentParams) -> Generator[Effect, Any, None]:
    """Says what lies at a location. Whether it is filled does not change."""
    yield ChangeSite(given(params.site_id), content=params.content or "")


@block("SetSiteTagsBp", params=TagsParams, errors=SITE_ERRORS, example={"siteId": "A-01", "tags": "cold"})
def set_site_tags(run: Here, params: TagsParams) -> Generator[Effect, Any, None]:
    """Replaces the tags of a location, a free text."""
    yield ChangeSite(given(params.site_id), tags=params.tags or "")


@block("SetSiteEmptyBp", params=SiteParams, errors=SITE_ERRORS, example={"siteId": "A-01"})
def set_site_empty(run: Here, params: SiteParams) -> Generator[Effect, Any, None]:
    """Marks a location as empty and forgets its content. Its lock stays."""
    yield ChangeSite(given(params.site_id), filled=False, content="")


def given(site: str | None) -> str:
    """The id of a location, which has to be given."""
    if not site:
        raise BlockError("site.empty", "siteId is empty.", remedy="Give the id of a location.")
    return site
