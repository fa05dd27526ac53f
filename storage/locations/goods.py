"""What stands where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storage.locations.rows import (
    LocationState,
    entry,
    fitting,
    locked_row,
    locked_rows,
    require_transaction,
    state_of,
    write,
    write_many,
)
from storage.models import LocationEvent, StorageLocation
from storage.states import LocationAction


def fill(site_id: str, *, actor: str, content: str | None = None) -> LocationState:
    """Mark a location as occupied, and with ``content`` say by what."""
    return change(site_id, actor=actor, filled=True, content=content)


def empty(site_id: str, *, actor: str) -> LocationState:
    """Mark a location as empty; its content goes with the goods."""
    return change(site_id, actor=actor, filled=False, content="")


def set_content(site_id: str, content: str, *, actor: str) -> LocationState:
    """Say what lies there, without touching the fill state."""
    return change(site_id, actor=actor, content=content)


def change(
    site_id: str,
    *,
    actor: str,
    filled: bool | None = None,
    content: str | None = None,
    type: int | None = None,
    reason: str = "",
) -> LocationState:
    """Write only the columns given; what is so already is neither written nor journalled.

    Raises:
        UnknownLocation, InvalidValue.
    """
    row = locked_row(site_id)
    columns = _differences(row, filled, content, type)
    return write(row, columns, _entries(row, columns, actor, reason))


def change_many(
    ids: Sequence[int],
    *,
    actor: str,
    filled: bool | None = None,
    content: str | None = None,
    type: int | None = None,
) -> list[LocationState]:
    """Write only the columns given, to all these rows; states of those that changed. Four statements, however many.

    Raises:
        InvalidValue.
    """
    require_transaction()
    changed: dict[int, StorageLocation] = {}
    entries: list[LocationEvent] = []
    for row in locked_rows(ids):
        columns = _differences(row, filled, content, type)
        if columns:
            entries += _entries(row, columns, actor, "")
            changed[row.pk] = row
            for name, value in columns.items():
                setattr(row, name, value)
    given = {"filled": filled, "content": content, "type": type}
    write_many(changed, {name: value for name, value in given.items() if value is not None}, entries)
    return [state_of(row, changed=True) for row in changed.values()]


def _differences(row: StorageLocation, filled: bool | None, content: str | None, type: int | None) -> dict[str, Any]:
    given = {"filled": filled, "content": None if content is None else fitting(content, "content"), "type": type}
    return {name: value for name, value in given.items() if value is not None and value != getattr(row, name)}


def _entries(row: StorageLocation, columns: Mapping[str, Any], actor: str, reason: str) -> list[LocationEvent]:
    found = []
    for name, value in columns.items():
        old: Any = getattr(row, name)
        if name == "filled":
            action = LocationAction.FILLED if value else LocationAction.EMPTIED
        elif name == "content":
            action = LocationAction.CONTENT
        else:
            action, old, value = LocationAction.ATTRIBUTE, f"type={old}", f"type={value}"
        found.append(entry(row, action, old, value, actor, reason))
    return found


def set_tags(site_id: str, tags: str, *, actor: str) -> LocationState:
    """Replace the free text of a location."""
    row = locked_row(site_id)
    if fitting(tags, "tags") == row.tags:
        return write(row, {}, [])
    return write(row, {"tags": tags}, [entry(row, LocationAction.TAGS, row.tags, tags, actor)])
