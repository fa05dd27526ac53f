"""A small warehouse for storage tests: every default valid, every field overridable."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db import transaction

from storage import areas, finding, locations
from storage.criteria import Criteria, Wanted
from storage.finding import Outcome
from storage.locations import Freed
from storage.models import StorageLocation
from storage.requests import StorageValues
from storage.states import RequestKind

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
VALUES = StorageValues()


def build(*site_ids: str, group: str = "B", area: str = "Hall", **columns: object) -> None:
    """Create locations, all in one group; ``columns`` are set on each."""
    with transaction.atomic():
        areas.create(
            areas.ensure_area(area), [areas.NewLocation(one, group=group) for one in site_ids], actor="builder"
        )
        # A new location is marked for a match; tests start from a warehouse at rest.
        StorageLocation.objects.filter(site_id__in=site_ids).update(match_wanted_at=None, **columns)


def find(
    holder: str,
    *,
    key: str = "",
    now: datetime = START,
    first_at: datetime = START,
    retries: int | None = None,
    values: StorageValues = VALUES,
    lock: bool = True,
    fair: bool = False,
    descending: bool = False,
    priority: int = 0,
    **asked: object,
) -> Outcome:
    """Search like a run's block does, in a transaction of its own; the group is B unless criteria are given."""
    criteria = Criteria(**(asked or {"group": "B"}))  # type: ignore[arg-type]
    wanted = Wanted(
        key or f"{holder}:find",
        holder,
        RequestKind.FIND,
        criteria,
        lock=lock,
        fair=fair,
        descending=descending,
        priority=priority,
    )
    with transaction.atomic():
        return finding.find(wanted, first_at=first_at, now=now, period_ms=1000, retries=retries, values=values)


def find_in_lane(
    holder: str,
    *groups: str,
    filled: bool,
    content: str | None = None,
    lock: bool = True,
    key: str = "",
    now: datetime = START,
    first_at: datetime = START,
    retries: int | None = None,
    priority: int = 0,
    values: StorageValues = VALUES,
) -> Outcome:
    """Search dense lanes like a run's block does, in a transaction of its own; the group is L unless some are given."""
    wanted = finding.named_lanes(
        key or f"{holder}:lane", holder, groups or ("L",), filled=filled, content=content, lock=lock, priority=priority
    )
    with transaction.atomic():
        return finding.find(wanted, first_at=first_at, now=now, period_ms=1000, retries=retries, values=values)


def lock(holder: str, site_id: str, *, now: datetime = START, retries: int | None = None, **wish: object) -> Outcome:
    """Lock one location like a run's block does."""
    wanted = finding.named_lock(f"{holder}:lock", holder, site_id, **wish)  # type: ignore[arg-type]
    with transaction.atomic():
        return finding.lock_site(wanted, first_at=START, now=now, period_ms=2000, retries=retries, values=VALUES)


def unlock(holder: str, site_id: str, *, lock_for: str = "") -> Freed | Outcome:
    """Free one location like a run's block does."""
    wanted = finding.named_release(f"{holder}:unlock", holder, site_id, lock_for=lock_for)
    with transaction.atomic():
        return finding.unlock_site(wanted, first_at=START, now=START, period_ms=3000, values=VALUES)


def release(site_id: str) -> None:
    """Free a location whoever holds it."""
    with transaction.atomic():
        locations.force_unlock(site_id, actor="maria", reason="test")


def holder_of(site_id: str) -> str:
    """Who holds the lock, as the row says."""
    return StorageLocation.objects.get(site_id=site_id).locked_by


def after(seconds: float) -> datetime:
    """A time behind ``START``."""
    return START + timedelta(seconds=seconds)


class Bell:
    """Remembers who was woken, in order."""

    def __init__(self) -> None:
        self.rung: list[tuple[str, str]] = []

    def __call__(self, holder: str, key: str) -> None:
        self.rung.append((holder, key))

    @property
    def holders(self) -> list[str]:
        """The holders only."""
        return [holder for holder, _ in self.rung]
