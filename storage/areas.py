"""Creates areas and locations, one or a whole grid; all or nothing.

Runs in the caller's transaction like ``storage.locations``; new locations may be waited for: call ``match`` afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from storage import journal
from storage.errors import DuplicateLocation, InvalidValue
from storage.models import Area, StorageLocation
from storage.states import LocationAction, LocationType

_MAX_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class NewLocation:
    """What a location is born with."""

    site_id: str
    name: str = ""
    group: str = ""
    type: LocationType = LocationType.LOGICAL
    filled: bool = False
    content: str = ""
    row: int | None = None
    column: int | None = None
    level: int | None = None
    depth: int | None = None
    no: str = ""


def ensure_area(name: str, title: str = "") -> Area:
    """Return the area of that name, created when it is new.

    Raises:
        InvalidValue: the name is empty or longer than 128 characters.
    """
    if not name.strip() or len(name) > 128:
        raise InvalidValue("An area needs a name of 1 to 128 characters.", "Give one.")
    area, _created = Area.objects.get_or_create(name=name.strip(), defaults={"title": title})
    return area


def create(area: Area, new: Sequence[NewLocation], *, actor: str) -> list[str]:
    """Create locations in one area with their journal entries; returns their ids.

    Raises:
        DuplicateLocation: an id exists already or is given twice; nothing is created.
        InvalidValue: an id is empty or too long, a number is out of range, or there are more than 10,000.
    """
    _check(new)
    site_ids = [one.site_id for one in new]
    taken = {site_id for site_id, times in Counter(site_ids).items() if times > 1}
    for start in range(0, len(site_ids), 500):
        chunk = site_ids[start : start + 500]
        taken.update(StorageLocation.objects.filter(site_id__in=chunk).values_list("site_id", flat=True))
    if taken:
        raise DuplicateLocation(tuple(sorted(taken)))
    try:
        with transaction.atomic():
            StorageLocation.objects.bulk_create([_row(area, one) for one in new], batch_size=500)
            journal.write(
                [journal.entry(one.site_id, LocationAction.CREATED, actor=actor, after=area.name) for one in new]
            )
    except IntegrityError as error:  # another creator was faster than the look above
        raise DuplicateLocation(tuple(site_ids)) from error
    return site_ids


def grid(prefix: str, *, group: str, rows: int, columns: int) -> list[NewLocation]:
    """Locations of a rectangular grid, ``<prefix>-<row>-<column>`` with numbers padded so that they sort naturally.

    Raises:
        InvalidValue: fewer than one row or column, or more than 10,000 locations.
    """
    if rows < 1 or columns < 1 or rows * columns > _MAX_AT_ONCE:
        raise InvalidValue(f"A grid of {rows} x {columns} cannot be made.", f"1 to {_MAX_AT_ONCE} locations.")
    row_width, column_width = max(2, len(str(rows))), max(2, len(str(columns)))
    return [
        NewLocation(f"{prefix}-{row:0{row_width}}-{column:0{column_width}}", group=group, row=row, column=column)
        for row in range(1, rows + 1)
        for column in range(1, columns + 1)
    ]


def _check(new: Sequence[NewLocation]) -> None:
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("Storage commands run in the caller's transaction; open one.")
    if len(new) > _MAX_AT_ONCE:
        raise InvalidValue(f"{len(new)} locations are too many at once.", f"At most {_MAX_AT_ONCE}.")
    for one in new:
        if not one.site_id or one.site_id != one.site_id.strip() or len(one.site_id) > 128:
            raise InvalidValue(
                f"{one.site_id[:40]!r} cannot be a location id.", "1 to 128 characters, no outer blanks."
            )
        if len(one.group) > 128 or len(one.content) > 255 or len(one.name) > 128 or len(one.no) > 64:
            raise InvalidValue(f"A text of {one.site_id} is too long.", "Group, name 128; content 255; number 64.")
        for number in (one.row, one.column, one.level, one.depth):
            if number is not None and abs(number) > 2**31 - 1:
                raise InvalidValue(f"The coordinate {number} of {one.site_id} is out of range.", "Use 32-bit numbers.")


def _row(area: Area, one: NewLocation) -> StorageLocation:
    return StorageLocation(
        site_id=one.site_id,
        name=one.name,
        area=area,
        group_name=one.group,
        type=one.type,
        filled=one.filled,
        content=one.content,
        row=one.row,
        column=one.column,
        level=one.level,
        depth=one.depth,
        no=one.no,
        match_wanted_at=Now(),
    )
