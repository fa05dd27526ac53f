"""Commands on many locations at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from storage.errors import InvalidValue, StorageError, UnknownGroup, UnknownLocation
from storage.locations import goods
from storage.locations.locks import Freed, Locked
from storage.locations.rows import LocationState, locked_rows, require_transaction
from storage.models import StorageLocation

#: Locations that one command may set; each is matched after its commit.
MOST = 1000


@dataclass(frozen=True, slots=True)
class Bulk:
    """Result of a command on many locations: states of those done, refusals by site id."""

    done: tuple[LocationState | Locked | Freed, ...]
    refused: tuple[StorageError, ...]


def for_each(site_ids: Iterable[str], command: Callable[[str], LocationState | Locked | Freed]) -> Bulk:
    """Apply a command to many locations in one transaction; a refusal of one does not stop the others.

    Rows are locked in id order first, so that two bulk commands cannot block each other.
    """
    require_transaction()
    wanted = list(dict.fromkeys(site_ids))
    ids = dict(StorageLocation.objects.filter(site_id__in=wanted).values_list("site_id", "pk"))
    locked_rows(sorted(ids.values()))
    done, refused = [], []
    for site_id in sorted(wanted, key=lambda one: ids.get(one, 0)):
        try:
            done.append(command(site_id))
        except StorageError as error:
            refused.append(error)
    return Bulk(tuple(done), tuple(refused))


def set_many(
    site_ids: Sequence[str],
    groups: Sequence[str],
    *,
    actor: str,
    filled: bool | None = None,
    content: str | None = None,
    type: int | None = None,
) -> list[LocationState]:
    """Write the columns given to all these locations and to all locations of these groups; states of the changed ones.

    All or nothing. A handful of statements, however many.

    Raises:
        UnknownLocation, UnknownGroup: one does not exist, or has no location.
        InvalidValue: nothing is named or given, or more than ``MOST`` locations are named.
    """
    require_transaction()
    if filled is None and content is None and type is None:
        raise InvalidValue("Nothing to set was given.", "Give filled, content or type.")
    if not site_ids and not groups:
        raise InvalidValue("No location and no group was named.", "Name at least one; an empty list never means all.")
    if len(site_ids) > MOST or len(groups) > MOST:
        raise _too_many(max(len(site_ids), len(groups)))
    ids = {pk for pk, _name in _named(site_ids, "site_id", UnknownLocation)}
    ids |= {pk for pk, _name in _named(groups, "group_name", UnknownGroup)}
    if len(ids) > MOST:
        raise _too_many(len(ids))
    return goods.change_many(sorted(ids), actor=actor, filled=filled, content=content, type=type)


def _named(names: Sequence[str], column: str, unknown: Callable[[str], StorageError]) -> list[tuple[int, str]]:
    """Keys of the locations with these names; one without any is refused."""
    if not names:
        return []
    found = list(StorageLocation.objects.filter(**{f"{column}__in": names}).values_list("pk", column)[: MOST + 1])
    known = {name for _pk, name in found}
    missing = [name for name in names if name not in known]
    if missing and len(found) <= MOST:
        raise unknown(missing[0])
    return found


def _too_many(count: int) -> InvalidValue:
    return InvalidValue(f"{count} locations are too many to set at once.", f"At most {MOST} are.")
