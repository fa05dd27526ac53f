"""Locations read and set: one looked at, attributes, many at once, and what a run holds."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from execution.effects import (
    ChangeSites,
    Effect,
    LockedSites,
    QuerySite,
    ReadSiteAttribute,
    SiteCriteria,
    WriteSiteAttribute,
)
from execution.errors import BlockError
from execution.frames import Here
from execution.handlers.sites import SITE_ERRORS, given, goods, name
from execution.parameters import flag, param, shown
from execution.registry import block

#: Names in one list.
_MOST_NAMES = 1000


def names(value: Any) -> list[str] | None:
    """list of names (also a text that holds one as JSON, or names with commas between them)."""
    if value is None:
        return None
    items = _items(value)
    if len(items) > _MOST_NAMES:
        raise ValueError(f"at most {_MOST_NAMES} names are wanted, not {len(items)}")
    found = dict.fromkeys(name(item) for item in items)
    if None in found or "" in found:
        raise ValueError(f"names are wanted, and one in {shown(value)} is empty")
    return [item for item in found if item]


def _items(value: Any) -> list[Any]:
    if isinstance(value, str):
        if not value.lstrip().startswith("["):
            return [item.strip() for item in value.split(",")] if value.strip() else []
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = None
    if isinstance(value, list | tuple) and not any(isinstance(item, list | tuple | dict) for item in value):
        return list(value)
    raise ValueError(f"a list of names is wanted, not {shown(value)}")


@dataclass(slots=True)
class QueryParams:
    """Parameters of QueryIdleSiteBp."""

    site_id: str | None = param(name, help="Only this location; left out: any.")
    content: str | None = param(goods, help="Only locations with exactly this content; left out: any.")
    filled: bool | None = param(flag, help="Only filled (true) or empty ones; left out: both.")
    type: bool | None = param(flag, help="Only physical (true) or logical ones; left out: both.")
    group_name: str | None = param(name, help="Only locations of this group; left out: all groups.")
    locked: bool | None = param(flag, help="Only locked (true) or unlocked ones; left out: unlocked.")
    order_desc: bool | None = param(flag, help="Whether to look from the last location id backwards; left out: no.")


@dataclass(slots=True)
class ReadParams:
    """Parameters of GetSiteAttrBp."""

    site_id: str | None = param(name, required=True, help="The location.")
    attr_name: str | None = param(name, required=True, help="The attribute.")


@dataclass(slots=True)
class WriteParams:
    """Parameters of SetSiteAttrBp."""

    site_id: str | None = param(name, required=True, help="The location.")
    attr_name: str | None = param(name, required=True, help="The attribute.")
    attr_value: str | None = param(goods, help="Its new value; left out: an empty one.")


@dataclass(slots=True)
class BatchParams:
    """Parameters of BatchSettingSiteBp."""

    site_ids: Any = param(names, help="The locations.")
    group_names: Any = param(names, help="The groups, all of whose locations are set.")
    filled: bool | None = param(flag, help="Filled (true) or empty; left out: as it is.")
    content: str | None = param(goods, help="The goods code; left out: as it is.")
    type: bool | None = param(flag, help="Physical (true) or logical; left out: as it is.")


@dataclass(slots=True)
class HolderParams:
    """Parameters of GetLockedSitesByTaskRecordIdBp."""

    task_record_id: str | None = param(name, required=True, help="The run, or any other holder of locks.")


_ATTRIBUTE_ERRORS = MappingProxyType({**SITE_ERRORS, "attribute.empty": "``attrName`` is empty"})


@block(
    "QueryIdleSiteBp",
    params=QueryParams,
    outputs={"site": "the location as an object with all its built-in attributes; an empty text when there is none"},
    example={"groupName": "A", "filled": False},
)
def query_idle_site(run: Here, params: QueryParams) -> Generator[Effect, Any, dict[str, Any]]:
    """Looks once for a location, without waiting or locking. The first by id is taken.

    Disabled locations and those whose state is unknown are never found. The object has the attributes that
    GetSiteAttrBp reads; ``filled``, ``locked``, ``disabled`` and ``syncFailed`` are 0 or 1.
    """
    criteria = SiteCriteria(
        site_id=params.site_id,
        content=params.content,
        filled=params.filled,
        type=None if params.type is None else int(params.type),
        group=params.group_name,
        locked=bool(params.locked),
    )
    found = yield QuerySite(criteria, descending=bool(params.order_desc))
    return {"site": "" if found is None else found}


@block(
    "GetSiteAttrBp",
    params=ReadParams,
    outputs={"attrValue": "the value; nothing when the location has no such attribute"},
    errors=_ATTRIBUTE_ERRORS,
    example={"siteId": "A-01", "attrName": "content"},
)
def get_site_attr(run: Here, params: ReadParams) -> Generator[Effect, Any, dict[str, Any]]:
    """Reads an attribute of a location.

    Built-in, in any case: ``siteId``, ``siteName``, ``type``, ``groupName``, ``area``, ``filled``, ``locked``,
    ``lockedBy``, ``content``, ``tags``, ``disabled``, ``syncFailed``, ``holder``, ``agvId``, ``rowNum``, ``colNum``,
    ``level``, ``depth``, ``no``. Every other name is an attribute of your own, a text.
    """
    return {"attrValue": (yield ReadSiteAttribute(given(params.site_id), _attribute(params.attr_name)))}


@block(
    "SetSiteAttrBp",
    params=WriteParams,
    errors={**_ATTRIBUTE_ERRORS, "location_value": "the value is none of its kind, or the attribute cannot be set"},
    example={"siteId": "A-01", "attrName": "height", "attrValue": "1.80"},
)
def set_site_attr(run: Here, params: WriteParams) -> Generator[Effect, Any, None]:
    """Sets an attribute of a location: a built-in one (see GetSiteAttrBp), or one of your own.

    ``siteId``, ``locked``, ``lockedBy`` and ``holder`` cannot be set.
    """
    yield WriteSiteAttribute(given(params.site_id), _attribute(params.attr_name), params.attr_value or "")


@block(
    "BatchSettingSiteBp",
    params=BatchParams,
    errors={
        "location_unknown": "one of the locations does not exist",
        "group_unknown": "no location belongs to one of the groups",
        "location_value": "nothing is named or nothing is to be set, or more than 1000 locations are named",
    },
    example={"siteIds": "A-01, A-02", "filled": True, "content": "pallet"},
)
def batch_setting_site(run: Here, params: BatchParams) -> Generator[Effect, Any, None]:
    """Sets fill state, content or type of many locations: all of them, or none when one does not exist."""
    yield ChangeSites(
        tuple(params.site_ids or ()),
        tuple(params.group_names or ()),
        filled=params.filled,
        content=params.content,
        type=None if params.type is None else int(params.type),
    )


@block(
    "GetLockedSitesByTaskRecordIdBp",
    params=HolderParams,
    outputs={"lockedSiteIdList": "ids of the locations, in order; empty when it holds none"},
    errors={"holder.empty": "``taskRecordId`` is empty"},
    example={"taskRecordId": "=task.taskRecordId"},
)
def get_locked_sites(run: Here, params: HolderParams) -> Generator[Effect, Any, dict[str, Any]]:
    """Lists the locations that a run has locked."""
    if not params.task_record_id:
        raise BlockError("holder.empty", "taskRecordId is empty.", remedy="Give the id of a run.")
    return {"lockedSiteIdList": (yield LockedSites(params.task_record_id))}


def _attribute(name: str | None) -> str:
    if not name or not name.strip():
        raise BlockError("attribute.empty", "attrName is empty.", remedy="Name the attribute.")
    return name.strip()
