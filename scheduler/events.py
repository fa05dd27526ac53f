"""Events that runs publish for other systems and scripts: append-only rows, pruned by retention."""

from __future__ import annotations

from scheduler import clock
from scheduler.errors import Refused
from scheduler.models import TaskEvent

NAME_LIMIT = 190
DATA_LIMIT = 65_536


def publish(record_pk: int | None, name: str, data: str) -> None:
    """Write one event of a run, in the caller's transaction.

    Raises:
        Refused: the name is none, or the data are too long.
    """
    if not name or len(name) > NAME_LIMIT or name != name.strip() or not name.isprintable():
        raise Refused(
            "event_name",
            f"An event's name has 1 to {NAME_LIMIT} printable characters without white space around them, "
            f"not {name[:60]!r}.",
            "Correct eventName.",
        )
    if len(data) > DATA_LIMIT:
        raise Refused(
            "event_too_long",
            f"The data of event {name[:60]!r} have {len(data):,} characters; the limit is {DATA_LIMIT:,}.",
            "Publish a reference instead of the data.",
        )
    TaskEvent.objects.create(record_id=record_pk, at=clock.now(), name=name, data=data)
