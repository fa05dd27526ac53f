"""The states of a run and of a block: words, codes, groups, colours and the legal moves. Written here once."""

from __future__ import annotations

from typing import NamedTuple

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Status(models.TextChoices):
    """States of a task record. ``scheduler.transitions`` is the only writer."""

    #: Due later: a delayed start or a retry with its time. The pusher promotes it.
    SCHEDULED = "scheduled", pgettext_lazy("status", "Scheduled")
    #: May be claimed. A cluster claims it in rank order.
    READY = "ready", pgettext_lazy("status", "Ready")
    #: Handed to a cluster, not started. Back to ready after 10 s; counts nothing against it.
    CLAIMED = "claimed", pgettext_lazy("status", "Handed over")
    #: A worker interprets it, under a token and a lease.
    RUNNING = "running", pgettext_lazy("status", "Running")
    #: Suspended: no process remembers it; a wake makes it ready.
    WAITING = "waiting", pgettext_lazy("status", "Waiting")
    #: By an operator; persisted.
    PAUSED = "paused", pgettext_lazy("status", "Paused")
    #: Failed in a way that can be continued; waits for a decision.
    INTERRUPTED = "interrupted", pgettext_lazy("status", "Needs decision")
    #: Ended well.
    FINISHED = "finished", pgettext_lazy("status", "Finished")
    #: Ended by a person or by the parent.
    CANCELLED = "cancelled", pgettext_lazy("status", "Cancelled")
    #: Ended with an error.
    FAILED = "failed", pgettext_lazy("status", "Failed")
    #: Died while running more often than allowed.
    UNRECOVERABLE = "unrecoverable", pgettext_lazy("status", "Unrecoverable")


class Face(NamedTuple):
    """How a status looks: numeric code of the documents, icon, tone and chip shape."""

    code: int
    icon: str
    tone: str
    shape: str


FACES: dict[Status, Face] = {
    Status.SCHEDULED: Face(1000, "schedule", "idle", "dashed"),
    Status.READY: Face(1000, "hourglass_empty", "idle", "border"),
    Status.CLAIMED: Face(1000, "start", "idle", "border"),
    Status.RUNNING: Face(1000, "play_arrow", "active", "bar"),
    Status.WAITING: Face(1000, "hourglass_top", "wait", "border"),
    Status.PAUSED: Face(1002, "pause", "idle", "double"),
    Status.INTERRUPTED: Face(1006, "front_hand", "decide", "filled"),
    Status.FINISHED: Face(1003, "check_circle", "good", "plain"),
    Status.CANCELLED: Face(1001, "do_not_disturb_on", "off", "plain"),
    Status.FAILED: Face(1004, "error", "bad", "filled"),
    Status.UNRECOVERABLE: Face(1005, "dangerous", "bad", "square"),
}

#: Ended for good; nothing moves out of these (a restart is a new attempt: see ``transitions``).
ENDED = frozenset({Status.FINISHED, Status.CANCELLED, Status.FAILED, Status.UNRECOVERABLE})
#: Everything an operator calls active.
ACTIVE = frozenset(set(Status) - ENDED)

#: The state machine. The diagram in ARCHITECTURE.md is compared with it by a test.
TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.SCHEDULED: frozenset({Status.READY, Status.PAUSED, Status.CANCELLED}),
    Status.READY: frozenset({Status.CLAIMED, Status.RUNNING, Status.PAUSED, Status.CANCELLED}),
    Status.CLAIMED: frozenset({Status.RUNNING, Status.READY, Status.PAUSED, Status.CANCELLED}),
    Status.RUNNING: frozenset(
        {
            Status.READY,
            Status.SCHEDULED,
            Status.WAITING,
            Status.PAUSED,
            Status.INTERRUPTED,
            Status.FINISHED,
            Status.CANCELLED,
            Status.FAILED,
            Status.UNRECOVERABLE,
        }
    ),
    Status.WAITING: frozenset({Status.READY, Status.PAUSED, Status.CANCELLED, Status.FAILED}),
    Status.PAUSED: frozenset({Status.READY, Status.SCHEDULED, Status.CANCELLED}),
    Status.INTERRUPTED: frozenset({Status.READY, Status.CANCELLED, Status.FAILED}),
    Status.FINISHED: frozenset(),
    Status.CANCELLED: frozenset(),
    Status.FAILED: frozenset({Status.READY}),
    Status.UNRECOVERABLE: frozenset({Status.READY}),
}


class BlockCode(models.IntegerChoices):
    """Status codes of a block record."""

    RUNNING = 1000, _("running")
    STOPPED = 1001, _("stopped")
    INTERRUPTED = 1002, _("failed, waits for a decision")
    DONE = 1003, _("done")
    FAILED = 1004, _("failed")
    NOT_RUN = 1005, _("not executed")
    ENDED_BY_PARALLEL = 1006, _("ended by the parallel block")
    SUSPENDED = 1007, _("suspended")
    ENDED_BY_HAND = 1008, _("ended by hand")


class EffectStatus(models.TextChoices):
    """States of an external effect. Written by ``scheduler.effects`` and the io process."""

    #: To be sent when due.
    PENDING = "pending", _("to be sent")
    #: An io process is sending it, or died doing so.
    SENT = "sent", _("sent")
    #: Answered.
    DONE = "done", _("done")
    #: Refused, or tried too often.
    FAILED = "failed", _("failed")
    #: Whether it happened before a crash is not known, and it must not be repeated blindly.
    UNKNOWN = "unknown", _("unknown whether it happened")
    #: Its run ended before it was sent.
    ABANDONED = "abandoned", _("abandoned")
