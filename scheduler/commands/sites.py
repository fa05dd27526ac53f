"""The operator's way to storage: command, journal and audit in one transaction; match and wake after its commit.

The blocks of a run do the same through ``scheduler.port``; nobody else changes a location.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction

from scheduler import audit, conflicts, settlement, wakes
from scheduler.errors import Refused
from storage import locations, requests
from storage.errors import StorageError
from storage.requests import Ended
from storage.states import RequestState

Result = locations.LocationState | locations.Locked | locations.Freed


@dataclass(frozen=True, slots=True)
class SitesResult:
    """Site ids that were done, and per refused site the error with its remedy."""

    done: tuple[str, ...]
    refused: Mapping[str, StorageError]


def fill(site_ids: Sequence[str], *, actor: str, origin: str, content: str | None = None) -> SitesResult:
    """Mark locations as full."""
    return _each(
        "fill_location", site_ids, lambda site: locations.fill(site, actor=actor, content=content), actor, origin
    )


def empty(site_ids: Sequence[str], *, actor: str, origin: str) -> SitesResult:
    """Mark locations as empty; their content goes too."""
    return _each("empty_location", site_ids, lambda site: locations.empty(site, actor=actor), actor, origin)


def set_content(site_ids: Sequence[str], content: str, *, actor: str, origin: str) -> SitesResult:
    """Say what lies at the locations."""
    return _each("set_content", site_ids, lambda site: locations.set_content(site, content, actor=actor), actor, origin)


def lock(site_ids: Sequence[str], holder: str, *, actor: str, origin: str, reason: str = "") -> SitesResult:
    """Lock locations for a person, a robot or a run."""
    return _each(
        "lock_location", site_ids, lambda site: locations.lock(site, holder, actor=actor), actor, origin, reason
    )


def release(site_ids: Sequence[str], *, actor: str, origin: str, reason: str) -> SitesResult:
    """Release locations whoever holds them. A reason is required."""
    return _each(
        "release_location",
        site_ids,
        lambda site: locations.force_unlock(site, actor=actor, reason=reason),
        actor,
        origin,
        reason,
    )


def unlock(site_ids: Sequence[str], holder: str, *, actor: str, origin: str, reason: str = "") -> SitesResult:
    """Unlock locations that ``holder`` holds; another's lock is refused."""
    return _each(
        "unlock_location", site_ids, lambda site: locations.unlock(site, holder, actor=actor), actor, origin, reason
    )


def disable(
    site_ids: Sequence[str], *, actor: str, origin: str, reason: str, until: datetime | None = None
) -> SitesResult:
    """Take locations out of use, until further notice or until a time."""
    return _each(
        "disable_location",
        site_ids,
        lambda site: locations.disable(site, actor=actor, reason=reason, until=until),
        actor,
        origin,
        reason,
    )


def enable(site_ids: Sequence[str], *, actor: str, origin: str, reason: str = "") -> SitesResult:
    """Put locations back into use."""
    return _each(
        "enable_location", site_ids, lambda site: locations.enable(site, actor=actor, reason=reason), actor, origin
    )


@dataclass(frozen=True, slots=True)
class WithdrawResult:
    """Keys of the requests that were withdrawn, and of those that did not wait any more (or never did)."""

    done: tuple[str, ...]
    gone: tuple[str, ...]


def withdraw_request(keys: Sequence[str], *, actor: str, origin: str, reason: str) -> WithdrawResult:
    """End the waits of runs for locations; their blocks fail, and what was granted to them and not taken is free.

    Raises:
        Refused: ``empty_selection``, or ``reason_missing``.
    """
    wanted = list(dict.fromkeys(keys))
    if not wanted:
        raise Refused("empty_selection", "No request was named.", "Name at least one; an empty list never means all.")
    if not reason.strip():
        raise Refused("reason_missing", "Withdrawing a request needs a reason.", "Say why; the run is told.")
    step = partial(_withdraw, actor=actor, origin=origin, reason=reason)
    done = [key for key in wanted if conflicts.retried(partial(step, key))]
    return WithdrawResult(tuple(done), tuple(key for key in wanted if key not in set(done)))


def _withdraw(key: str, *, actor: str, origin: str, reason: str) -> bool:
    ended = requests.withdraw(key, actor=actor, reason=reason)
    if not ended.woken:
        return False
    audit.record(
        actor=actor,
        action="withdraw_request",
        object_type="request",
        object_id=key,
        after={"state": RequestState.CANCELLED.value, "holder": ended.woken[0].holder},
        reason=reason,
        origin=origin,
    )
    settlement.follow_up_later(Ended(ended.site_ids, ended.next_keys))
    transaction.on_commit(partial(wakes.wake_holders, [one.holder for one in ended.woken]), robust=True)
    return True


def _each(
    action: str,
    site_ids: Sequence[str],
    command: Callable[[str], Result],
    actor: str,
    origin: str,
    reason: str = "",
) -> SitesResult:
    """Run one command on each location, audit what changed, and let those who wait have a chance after the commit.

    Raises:
        Refused: ``empty_selection`` when no location is named.
    """
    wanted = list(dict.fromkeys(site_ids))
    if not wanted:
        raise Refused("empty_selection", "No location was named.", "Name at least one; an empty list never means all.")
    done: list[str] = []
    refused: dict[str, StorageError] = {}

    def one(site: str) -> Result:
        before = locations.read(site)
        try:
            result = command(site)
        except StorageError as error:
            refused[site] = error
            raise
        done.append(site)
        _audit(action, site, before, actor, origin, reason)
        return result

    with transaction.atomic():
        locations.for_each(wanted, one)
        settlement.match_later(done)
    return SitesResult(tuple(done), refused)


def _audit(
    action: str, site: str, before: locations.LocationState | None, actor: str, origin: str, reason: str
) -> None:
    after = locations.read(site)
    old, new = _columns(before), _columns(after)
    changed = {name for name in new if old.get(name) != new[name]}
    audit.record(
        actor=actor,
        action=action,
        object_type="location",
        object_id=site,
        before={name: old.get(name) for name in changed},
        after={name: new[name] for name in changed},
        reason=reason,
        origin=origin,
    )


def _columns(state: locations.LocationState | None) -> dict[str, Any]:
    return {} if state is None else {k: v for k, v in asdict(state).items() if k not in ("site_id", "changed")}
