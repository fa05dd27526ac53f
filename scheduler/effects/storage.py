"""The engine's storage effects, carried out by the storage package: values in, values out, in the caller's transaction.

Neither side knows the other's types; these are the places that know both: here what may have to wait, in
``scheduler.effects.storage_values`` what never does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from execution.effects import (
    AcquireLaneSite,
    AcquireSite,
    LockSite,
    Log,
    NotFound,
    Pending,
    SiteCriteria,
    SiteFound,
    Storage,
    Unlocked,
    UnlockSite,
    Withdraw,
)
from execution.errors import BlockError
from scheduler import clock, conf, settlement
from scheduler.effects import storage_values
from scheduler.effects.asking import Action, Asking
from scheduler.effects.storage_values import criteria_of
from storage import finding, locations, requests
from storage.criteria import Wanted
from storage.errors import StorageError
from storage.finding import Found, GaveUp, Outcome, Waiting, Withdrawn
from storage.requests import Ended, StorageValues
from storage.search import Obstacles
from storage.states import RequestKind

#: A block that names one location asks this often in words; nothing polls.
_LOCK_PERIOD_MS = 2000
_UNLOCK_PERIOD_MS = 3000
#: Locations named in a wait's arguments.
_SHOWN = 12


def carry_out(effect: Storage, asking: Asking) -> Any | Pending:
    """Do it, now and exactly once; a freed or changed location is matched after the commit.

    Raises:
        BlockError: the storage refuses, the deadline is reached, or an operator ended the wait.
    """
    try:
        if type(effect) in _ACTIONS:
            return _ACTIONS[type(effect)](effect, asking)
        return storage_values.carry_out(effect, asking.record_id)
    except StorageError as error:
        raise BlockError(error.code, error.message, remedy=error.remedy) from error


def _acquire(effect: AcquireSite, asking: Asking) -> Any | Pending:
    wanted = Wanted(
        key=asking.key,
        holder=asking.record_id,
        kind=RequestKind.FIND,
        criteria=criteria_of(effect.criteria),
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
    return _found_in_time(outcome, asking, in_words(effect.criteria), fails=effect.retry_times is None)


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


def _acquire_in_lane(effect: AcquireLaneSite, asking: Asking) -> Any | Pending:
    wanted = finding.named_lanes(
        asking.key,
        asking.record_id,
        effect.groups,
        filled=effect.filled,
        content=effect.content,
        lock=effect.lock,
        priority=asking.priority,
    )
    outcome = finding.find(
        wanted,
        first_at=clock.from_ms(asking.since_ms),
        now=clock.now(),
        period_ms=effect.retry_period_ms,
        retries=(effect.retry_times or None) if effect.retry else 0,
        values=_values(),
    )
    words = lanes_in_words(effect.groups, effect.filled, effect.content)
    return _found_in_time(outcome, asking, words, fails=effect.retry and not effect.retry_times)


def _found_in_time(outcome: Outcome, asking: Asking, words: str, *, fails: bool) -> Any | Pending:
    """``fails``: the attempts were not limited by the definition, so that their end is an error."""
    if isinstance(outcome, GaveUp) and fails:
        raise BlockError(
            "site_not_found",
            f"No location was found in {outcome.attempts} attempts: {words}.",
            remedy="Free or create a fitting location and continue the run.",
        )
    return _answer(outcome, asking, words=words)


def _withdraw(effect: Withdraw, asking: Asking) -> None:
    ended = requests.stop(effect.keys, asking.record_id)
    if ended.site_ids or ended.next_keys:
        settlement.follow_up_later(Ended(ended.site_ids, ended.next_keys))


_ACTIONS: Mapping[type[Storage], Action] = {
    AcquireSite: _acquire,
    AcquireLaneSite: _acquire_in_lane,
    LockSite: _lock,
    UnlockSite: _unlock,
    Withdraw: _withdraw,
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
    if code == "lane":
        args["holder"] = _only_holder(waiting.obstacles)
    elif code != "location":
        args |= {"site": waiting.site_id, "holder": waiting.locked_by}
        if waiting.locked_by:
            log = Log("waits_for_holder", {"site": waiting.site_id, "holder": waiting.locked_by}, level=4)
    deadline = None if waiting.deadline is None else clock.at_ms(waiting.deadline)
    return Pending(f"site:{waiting.key}", code, args, due_ms=deadline, deadline_ms=deadline, log=log)


def _only_holder(found: Obstacles) -> str:
    """Who alone blocks every lane: the wait ends when he lets go, and not before."""
    holders = {item.holder for item in found.items}
    return holders.pop() if found.locked == found.total == len(found.items) and len(holders) == 1 else ""


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


def lanes_in_words(groups: Sequence[str], filled: bool, content: str | None) -> str:
    """A search in dense lanes for a person."""
    what = "a load" if filled else "a place"
    if filled and content is not None:
        what += f" with content {content}"
    return f"{what} in {'lane' if len(groups) == 1 else 'the lanes'} {', '.join(groups)}"


def _values() -> StorageValues:
    values = conf.values()
    return StorageValues(
        max_retries=values.max_retries,
        max_pending=values.max_pending_requests,
        completed_ttl=timedelta(seconds=values.completed_request_ttl_s),
    )
