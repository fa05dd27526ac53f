"""The engine's storage effects, carried out by the storage package: values in, values out, in the caller's transaction.

Neither side knows the other's types; this is the one place that knows both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from execution.effects import (
    AcquireSite,
    ChangeSite,
    InspectSite,
    LockSite,
    Log,
    NotFound,
    Pending,
    SiteCriteria,
    SiteFound,
    SiteState,
    Storage,
    Unlocked,
    UnlockSite,
)
from execution.errors import BlockError
from scheduler import clock, conf, settlement
from storage import finding, locations
from storage.criteria import Criteria, Wanted
from storage.errors import StorageError
from storage.finding import Found, GaveUp, Outcome, Waiting, Withdrawn
from storage.models import StorageLocation
from storage.requests import StorageValues
from storage.search import Obstacles
from storage.states import RequestKind

#: A block that names one location asks this often in words; nothing polls.
_LOCK_PERIOD_MS = 2000
_UNLOCK_PERIOD_MS = 3000
#: Locations named in a wait's arguments.
_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks: the run, and under which key the request is known. ``since_ms`` is when it first had to wait."""

    record_id: str
    priority: int
    key: str
    since_ms: int


def carry_out(effect: Storage, asking: Asking) -> Any | Pending:
    """Do it, now and exactly once; a freed or changed location is matched after the commit.

    Raises:
        BlockError: the storage refuses, the deadline is reached, or an operator ended the wait.
    """
    try:
        return _ACTIONS[type(effect)](effect, asking)
    except StorageError as error:
        raise BlockError(error.code, error.message, remedy=error.remedy) from error


def _acquire(effect: AcquireSite, asking: Asking) -> Any | Pending:
    wanted = Wanted(
        key=asking.key,
        holder=asking.record_id,
        kind=RequestKind.FIND,
        criteria=_criteria(effect.criteria),
        lock=effect.lock,
        fair=effect.fair,
        descending=effect.descending,
        priority=asking.priority,
    )
    outcome = finding.find(
        wanted,
        first_at=clock.from_ms(asking.since_ms),
        now=clock.now(),
        period_ms=effect.retry_period_ms,
        retries=effect.retry_times,
        values=_values(),
    )
    answer = _answer(outcome, asking, words=in_words(effect.criteria))
    if isinstance(outcome, GaveUp) and effect.retry_times is None:
        raise BlockError(
            "site_not_found",
            f"No location was found in {outcome.attempts} attempts: {in_words(effect.criteria)}.",
            remedy="Free or create a fitting location and continue the run.",
        )
    return answer


def _lock(effect: LockSite, asking: Asking) -> Any | Pending:
    wanted = finding.named_lock(
        asking.key,
        asking.record_id,
        effect.site_id,
        lock_for=effect.holder or "",
        fair=effect.fair,
        priority=asking.priority,
    )
    outcome = finding.lock_site(
        wanted,
        first_at=clock.from_ms(asking.since_ms),
        now=clock.now(),
        period_ms=_LOCK_PERIOD_MS,
        retries=effect.retry_times,
        values=_values(),
    )
    return _answer(outcome, asking, words=effect.site_id)


def _unlock(effect: UnlockSite, asking: Asking) -> Any | Pending:
    wanted = finding.named_release(asking.key, asking.record_id, effect.site_id, lock_for=effect.holder or "")
    outcome = finding.unlock_site(
        wanted,
        first_at=clock.from_ms(asking.since_ms),
        now=clock.now(),
        period_ms=_UNLOCK_PERIOD_MS,
        values=_values(),
    )
    if isinstance(outcome, locations.Freed):
        if outcome.was_locked:
            settlement.match_later([effect.site_id])
        return Unlocked(effect.site_id, outcome.was_locked)
    return _answer(outcome, asking, words=effect.site_id, code="unlock")


def _change(effect: ChangeSite, asking: Asking) -> SiteState:
    state = locations.change(effect.site_id, actor=asking.record_id, filled=effect.filled, content=effect.content)
    if state.match_now:
        settlement.match_later([effect.site_id])
    return SiteState(state.site_id, state.filled, state.content, state.locked_by, state.disabled, changed=state.changed)


def _inspect(effect: InspectSite, asking: Asking) -> SiteState | None:
    row = StorageLocation.objects.filter(site_id=effect.site_id).first()
    if row is None:
        return None
    return SiteState(row.site_id, row.filled, row.content, row.locked_by, row.disabled, changed=False)


_ACTIONS: Mapping[type[Storage], Callable[[Any, Asking], Any]] = {
    AcquireSite: _acquire,
    LockSite: _lock,
    UnlockSite: _unlock,
    ChangeSite: _change,
    InspectSite: _inspect,
}


def _answer(outcome: Outcome, asking: Asking, *, words: str, code: str = "") -> Any | Pending:
    match outcome:
        case Found(site_id=site_id, already_held=held):
            return SiteFound(site_id, already_held=held)
        case GaveUp(attempts=attempts):
            return NotFound(attempts)
        case Withdrawn(reason=reason):
            raise BlockError("wait_withdrawn", f"The wait for {words} was ended: {reason}.")
        case Waiting():
            settlement.match_request_later(asking.key)
            return _pending(outcome, words, code or outcome.why)
    raise TypeError(f"{outcome!r} is no answer of the storage")


def _pending(waiting: Waiting, words: str, code: str) -> Pending:
    args: dict[str, Any] = {"criteria": words, **_obstacles(waiting.obstacles)}
    args |= {"attempt": waiting.attempt, "of": waiting.limit}
    log = None
    if code != "location":
        args |= {"site": waiting.site_id, "holder": waiting.locked_by}
        if waiting.locked_by:
            log = Log("waits_for_holder", {"site": waiting.site_id, "holder": waiting.locked_by}, level=4)
    deadline = None if waiting.deadline is None else clock.at_ms(waiting.deadline)
    return Pending(f"site:{waiting.key}", code, args, due_ms=deadline, deadline_ms=deadline, log=log)


def _obstacles(found: Obstacles) -> dict[str, Any]:
    """Counts and names, as JSON: why none can be taken."""
    items = [
        {name: _plain(value) for name, value in asdict(item).items() if value not in ("", None)}
        for item in found.items[:_SHOWN]
    ]
    counts = {name: getattr(found, name) for name in ("eligible", "off", "locked", "fill", "content")}
    return {"n": found.total, "counts": counts, "items": items}


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _criteria(asked: SiteCriteria) -> Criteria:
    return Criteria(
        site_id=asked.site_id,
        group=asked.group,
        filled=asked.filled,
        content=asked.content,
        type=asked.type,
        locked=asked.locked,
    )


def in_words(asked: SiteCriteria) -> str:
    """The criteria for a person: only what was asked for."""
    fill = {True: "a full location", False: "an empty location", None: "a location"}[asked.filled]
    parts = [
        f"{name} {value}"
        for name, value in (("", asked.site_id), ("in group", asked.group), ("with content", asked.content))
        if value is not None
    ]
    if asked.type is not None:
        parts.append(f"of type {asked.type}")
    return " ".join([fill, *(part.strip() for part in parts)])


def _values() -> StorageValues:
    values = conf.values()
    return StorageValues(
        max_retries=values.max_retries,
        max_pending=values.max_pending_requests,
        completed_ttl=timedelta(seconds=values.completed_request_ttl_s),
    )
