"""Why a run does not move: one answer for the console, ``show_task`` and the overview, in codes and arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from scheduler import selectors
from scheduler.models import TaskRecord, Wait
from scheduler.sentences import wait_sentence
from scheduler.states import Status

#: How many hops of "is held by, which waits for" are followed.
CHAIN_LIMIT = 5


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing a run waits for. ``chain`` holds record ids from the direct holder on; ``deadlock`` when it closes.

    For a sub-task the chain goes down to the one at its end; ``below`` is what that one waits for itself.
    """

    block: str
    code: str
    args: Mapping[str, Any]
    since: datetime | None = None
    deadline: datetime | None = None
    rank: int | None = None
    holder: str = ""
    chain: tuple[str, ...] = ()
    deadlock: bool = False
    items: tuple[Mapping[str, Any], ...] = field(default=())
    below: Reason | None = None

    @property
    def sentence(self) -> str:
        """In the active language."""
        return wait_sentence(self.code, self.args)

    def as_json(self) -> dict[str, Any]:
        """The ``waits`` entry of the documents."""
        return {
            "block": self.block,
            "code": self.code,
            "args": dict(self.args),
            "for": self.sentence,
            "since": self.since.isoformat() if self.since else None,
            "deadline": self.deadline.isoformat() if self.deadline else None,
            "rank": self.rank,
            "holder": self.holder or None,
            "chain": list(self.chain),
            "below": self.below.as_json() if self.below is not None else None,
        }


def explain(record: TaskRecord) -> list[Reason]:
    """Return the reasons, longest waiting first; empty for a run that runs or has ended.

    At most 8 queries, and two more for each sub-task that one of them leads down to.
    """
    match Status(record.status):
        case Status.WAITING:
            return [_from_wait(record, wait) for wait in record.waits.order_by("since_ms", "id")]
        case Status.PAUSED:
            args = {"user": record.request_actor, "reason": record.request_reason}
            return [Reason("", "paused", args)]
        case Status.INTERRUPTED:
            return [
                Reason(record.failed_block, "decision", {"block": record.failed_block, "error": record.ended_reason})
            ]
        case Status.SCHEDULED:
            time = record.due_at.isoformat() if record.due_at else ""
            return [Reason("", "scheduled", {"time": time}, since=record.created_at)]
        case Status.READY | Status.CLAIMED:
            return [_queued(record)]
        case _:
            return []


def _queued(record: TaskRecord) -> Reason:
    if record.queue not in selectors.serving_queues():
        return Reason("", "nobody", {"queue": record.queue}, since=record.ready_at)
    ahead = TaskRecord.objects.filter(status=Status.READY, queue=record.queue, rank__lt=record.rank).count()
    busy = selectors.live_processes().filter(role="worker").exclude(current_record="").count()
    return Reason("", "worker", {"k": ahead, "w": busy}, since=record.ready_at, rank=ahead + 1)


def _from_wait(record: TaskRecord, wait: Wait) -> Reason:
    if wait.code == "child":
        return _from_child(record, wait)
    holder = str(wait.args.get("holder") or "")
    chain, deadlock = _chain(record, holder)
    items = wait.args.get("items")
    due = _at(wait.due_ms)
    return Reason(
        block=wait.block,
        code=wait.code,
        args=wait.args | ({"time": due.isoformat()} if due is not None and wait.code == "time" else {}),
        since=_at(wait.since_ms),
        deadline=_at(wait.deadline_ms),
        rank=wait.args.get("rank"),
        holder=holder,
        chain=chain,
        deadlock=deadlock,
        items=tuple(items[:12]) if isinstance(items, list) else (),
    )


def _from_child(record: TaskRecord, wait: Wait) -> Reason:
    """Down the sub-tasks that wait for each other, to the one that waits for something else."""
    chain: list[str] = []
    below: Reason | None = None
    status = ""
    following: Wait | None = wait
    while following is not None and len(chain) < CHAIN_LIMIT:
        child = TaskRecord.objects.filter(record_id=following.args.get("id")).first()
        if child is None:
            break
        chain.append(child.record_id)
        status = status or child.status
        following = child.waits.order_by("since_ms", "id").first() if child.status == Status.WAITING else None
        if following is None or following.code != "child":
            below = next(iter(explain(child)), None)
            break
    beyond = () if below is None else below.chain
    deadlock = record.record_id in beyond
    return Reason(
        block=wait.block,
        code=wait.code,
        args={**wait.args, "status": status},
        since=_at(wait.since_ms),
        chain=(*chain, *beyond[: beyond.index(record.record_id) + 1 if deadlock else None]),
        deadlock=deadlock,
        below=below,
    )


def _chain(record: TaskRecord, holder: str) -> tuple[tuple[str, ...], bool]:
    """Follow holder → what the holder waits for → its holder or sub-task; a chain that comes back is a deadlock."""
    chain: list[str] = []
    while holder and len(chain) < CHAIN_LIMIT:
        chain.append(holder)
        if holder == record.record_id:
            return tuple(chain), True
        waits = Wait.objects.filter(record__record_id=holder).order_by("since_ms").values_list("code", "args")
        awaited = (args.get("id" if code == "child" else "holder") for code, args in waits[:10])
        holder = next((str(name) for name in awaited if name), "")
        if holder in chain:
            return (*chain, holder), True
    return tuple(chain), False


def _at(milliseconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC) if milliseconds is not None else None
