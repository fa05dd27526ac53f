"""Named values of a location: the built-in ones, under the names that definitions use, and extension attributes.

A built-in name is known in any case; every other name is an extension attribute, kept as text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from django.db.models import F
from django.db.models.functions import Now

from storage.errors import InvalidValue, UnknownLocation
from storage.locations import goods, use
from storage.locations.rows import HOLDER_LENGTH, LocationState, entry, fitting, locked_row, locked_rows, write
from storage.models import Area, LocationAttribute, StorageLocation
from storage.states import LocationAction, LocationType

_WHOLE = re.compile(r"[+-]?[0-9]{1,10}")
_TRUE, _FALSE = ("true", "1"), ("false", "0")


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """One built-in attribute. ``write`` takes site id, value and actor; ``None``: it cannot be written, ``why``."""

    name: str
    read: Callable[[StorageLocation], Any]
    write: Callable[[str, str, str], LocationState] | None = None
    why: str = ""


def read_attribute(site_id: str, name: str) -> Any:
    """The value of an attribute; ``None`` when the location has none of that name. Two queries at most.

    Raises:
        UnknownLocation.
    """
    row = StorageLocation.objects.select_related("area").filter(site_id=site_id).first()
    if row is None:
        raise UnknownLocation(site_id)
    built_in = BUILT_IN.get(name.lower())
    if built_in is not None:
        return built_in.read(row)
    return LocationAttribute.objects.filter(location=row, name=name).values_list("value", flat=True).first()


def set_attribute(site_id: str, name: str, value: str, *, actor: str) -> LocationState:
    """Set a built-in or an extension attribute.

    Raises:
        UnknownLocation.
        InvalidValue: the value is none of its kind, or the attribute is not set this way.
    """
    built_in = BUILT_IN.get(name.lower())
    if built_in is None:
        return _set_extension(site_id, name, value, actor)
    if built_in.write is None:
        locked_row(site_id)
        raise InvalidValue(f"The attribute {built_in.name} cannot be set.", built_in.why)
    return built_in.write(site_id, value, actor)


def public(row: StorageLocation) -> dict[str, Any]:
    """All built-in attributes of a location under their names; its area has to be loaded."""
    return {item.name: item.read(row) for item in BUILT_IN.values()}


def _set_extension(site_id: str, name: str, value: str, actor: str) -> LocationState:
    if not fitting(name, "attribute name", HOLDER_LENGTH).strip():
        raise InvalidValue("An attribute needs a name.", "Give one.")
    row = locked_row(site_id)
    old = LocationAttribute.objects.filter(location=row, name=name).first()
    if old is not None and old.value == fitting(value, "attribute"):
        return write(row, {}, [])
    LocationAttribute.objects.update_or_create(location=row, name=name, defaults={"value": fitting(value, "attribute")})
    before = "" if old is None else f"{name}={old.value}"
    return write(row, {}, [entry(row, LocationAction.ATTRIBUTE, before, f"{name}={value}", actor)])


# --- Writing built-in ones -------------------------------------------------------------------------------------------


def _column(name: str, column: str, convert: Callable[[str, str], Any]) -> BuiltIn:
    """An attribute that is one column."""

    def set_it(site_id: str, value: str, actor: str) -> LocationState:
        return _set_column(site_id, name, column, convert(value, name), actor)

    return BuiltIn(name, attrgetter(column), set_it)


def _set_column(site_id: str, name: str, column: str, value: Any, actor: str) -> LocationState:
    row = locked_row(site_id)
    old = getattr(row, column)
    if old == value:
        return write(row, {}, [])
    return write(row, {column: value}, [_change(row, name, old, value, actor)])


def _change(row: StorageLocation, name: str, old: Any, value: Any, actor: str) -> Any:
    return entry(row, LocationAction.ATTRIBUTE, f"{name}={_plain(old)}", f"{name}={_plain(value)}", actor)


def _plain(value: Any) -> Any:
    return "" if value is None else value


def _set_area(site_id: str, value: str, actor: str) -> LocationState:
    row = locked_row(site_id)
    area = Area.objects.filter(name=value).first()
    if area is None:
        raise InvalidValue(f"There is no area {value[:40]!r}.", "Give the name of an area that exists.")
    if row.area_id == area.pk:
        return write(row, {}, [])
    return write(row, {"area_id": area.pk}, [_change(row, "area", row.area.name, area.name, actor)])


def _set_group(site_id: str, value: str, actor: str) -> LocationState:
    """Move a location to another group. The lane it leaves may be usable now, so one who stays there is marked."""
    group = _text(128)(value, "groupName")
    row = StorageLocation.objects.filter(site_id=site_id).first()
    if row is None:
        raise UnknownLocation(site_id)
    stays = StorageLocation.objects.filter(group_name=row.group_name).exclude(pk=row.pk).order_by("pk").first()
    ids = [row.pk] if stays is None or not row.group_name else sorted([row.pk, stays.pk])
    row, *_rest = (one for one in locked_rows(ids) if one.site_id == site_id)
    if row.group_name == group:
        return write(row, {}, [])
    StorageLocation.objects.filter(pk__in=set(ids) - {row.pk}).update(match_wanted_at=Now(), rev=F("rev") + 1)
    return write(row, {"group_name": group}, [_change(row, "groupName", row.group_name, group, actor)])


def _set_disabled(site_id: str, value: str, actor: str) -> LocationState:
    disabled = _flag(value, "disabled")
    return use.disable(site_id, actor=actor) if disabled else use.enable(site_id, actor=actor)


# --- Values ----------------------------------------------------------------------------------------------------------


def _text(length: int) -> Callable[[str, str], str]:
    return lambda value, name: fitting(value, name, length)


def _number(value: str, name: str) -> int | None:
    words = value.strip()
    if not words:
        return None
    number = int(words) if _WHOLE.fullmatch(words) else 2**31
    if not -(2**31) <= number < 2**31:
        raise InvalidValue(f"{name} is a whole number, not {value[:40]!r}.", "Give one of 32 bits, or nothing.")
    return number


def _flag(value: str, name: str) -> bool:
    words = value.strip().lower()
    if words not in (*_TRUE, *_FALSE):
        raise InvalidValue(f"{name} is true or false, not {value[:40]!r}.", "Give true, false, 1 or 0.")
    return words in _TRUE


def _type(value: str, name: str) -> int:
    return LocationType.PHYSICAL if _flag(value, name) else LocationType.LOGICAL


_USE_BLOCKS = "Lock and unlock it with the blocks for that."
_ALL = (
    BuiltIn("siteId", attrgetter("site_id"), why="A location keeps its id."),
    _column("siteName", "name", _text(128)),
    BuiltIn(
        "type",
        attrgetter("type"),
        lambda site, value, actor: goods.change(site, actor=actor, type=_type(value, "type")),
    ),
    BuiltIn("groupName", attrgetter("group_name"), _set_group),
    BuiltIn("area", attrgetter("area.name"), _set_area),
    BuiltIn(
        "filled",
        lambda row: int(row.filled),
        lambda site, value, actor: goods.change(site, actor=actor, filled=_flag(value, "filled")),
    ),
    BuiltIn("locked", lambda row: int(bool(row.locked_by)), why=_USE_BLOCKS),
    BuiltIn("lockedBy", attrgetter("locked_by"), why=_USE_BLOCKS),
    BuiltIn("content", attrgetter("content"), lambda site, value, actor: goods.set_content(site, value, actor=actor)),
    BuiltIn("tags", attrgetter("tags"), lambda site, value, actor: goods.set_tags(site, value, actor=actor)),
    BuiltIn("disabled", lambda row: int(row.disabled), _set_disabled),
    BuiltIn(
        "syncFailed",
        lambda row: int(row.sync_failed),
        lambda site, value, actor: use.set_sync_failed(site, _flag(value, "syncFailed"), actor=actor),
    ),
    BuiltIn("holder", attrgetter("fleet_holder"), why="The fleet sets it."),
    _column("agvId", "agv_id", _text(128)),
    _column("rowNum", "row", _number),
    _column("colNum", "column", _number),
    _column("level", "level", _number),
    _column("depth", "depth", _number),
    _column("no", "no", _text(64)),
)
#: By name in lower case.
BUILT_IN: Mapping[str, BuiltIn] = MappingProxyType({item.name.lower(): item for item in _ALL})
