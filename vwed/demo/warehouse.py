"""The demo warehouse: two areas with 24 locations, some pallets, and the definitions in ``tasks/``.

Making it again changes nothing: what is there, pallets that have moved and definitions that were edited, stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from django.db import transaction

from scheduler.definitions.importing import import_file
from scheduler.models import TaskDefinition
from storage import areas
from storage.areas import NewLocation
from storage.models import StorageLocation

ACTOR, ORIGIN = "demo", "demo"
TASKS = Path(__file__).parent / "tasks"
ROBOTS = 4


@dataclass(frozen=True, slots=True)
class Group:
    """Locations of one storage group in a rectangle of the map; the first ``pallets`` of them start full."""

    area: str
    name: str
    prefix: str
    rows: int
    columns: int
    first_row: int
    pallets: int


AREAS = (("hall-a", "Hall A: goods in"), ("hall-b", "Hall B: goods out"))
#: Pallets go round in this order, for ever.
GROUPS = (
    Group("hall-a", "GOODS-IN", "IN", 1, 4, 1, 3),
    Group("hall-a", "BUFFER", "BUF", 2, 4, 3, 2),
    Group("hall-b", "RACK", "RACK", 2, 4, 1, 3),
    Group("hall-b", "GOODS-OUT", "OUT", 1, 4, 4, 1),
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """How much was new."""

    locations: int
    definitions: int


def prepare() -> Prepared:
    """Make what is missing.

    Raises:
        scheduler.definitions.importing.ImportRefused: a file of the demo is broken.
    """
    return Prepared(locations=_make_locations(), definitions=_import_definitions())


def _make_locations() -> int:
    made = 0
    with transaction.atomic():
        titles = dict(AREAS)
        known = set(StorageLocation.objects.values_list("site_id", flat=True))
        for group in GROUPS:
            area = areas.ensure_area(group.area, titles[group.area])
            new = [each for each in _locations(group) if each.site_id not in known]
            made += len(areas.create(area, new, actor=ACTOR)) if new else 0
    return made


def _locations(group: Group) -> list[NewLocation]:
    found = []
    for index in range(group.rows * group.columns):
        row, column = divmod(index, group.columns)
        full = index < group.pallets
        found.append(
            NewLocation(
                site_id=f"{group.prefix}-{index + 1:02d}",
                group=group.name,
                filled=full,
                content=f"P-{group.prefix}{index + 1:02d}" if full else "",
                row=group.first_row + row,
                column=column + 1,
            )
        )
    return found


def _import_definitions() -> int:
    known = set(TaskDefinition.objects.values_list("definition_id", flat=True))
    made = 0
    for path in sorted(TASKS.glob("*.task")):
        if f"demo-{path.stem}" not in known:
            made += len(import_file(path.name, path.read_bytes(), actor=ACTOR, origin=ORIGIN))
    return made
