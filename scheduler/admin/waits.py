"""The card that says why a run waits, with links to whoever can end it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from scheduler.explain import Reason
from scheduler.models import TaskRecord


@dataclass(frozen=True, slots=True)
class Link:
    """Where to go from here."""

    title: str | Promise
    url: str


@dataclass(frozen=True, slots=True)
class WaitCard:
    """One thing a run waits for, ready for the template. Seconds where a name ends in ``_s``."""

    reason: Reason
    tone: str
    sentence: str
    since_s: float | None
    left_s: float | None
    attempt: int | None
    attempts: int | None
    chain: Sequence[Link]
    links: Sequence[Link]


_TONES = {
    "decision": "decide",
    "unknown": "decide",
    "nobody": "bad",
    "worker": "idle",
    "scheduled": "idle",
    "paused": "idle",
}


def cards(reasons: Sequence[Reason], now: datetime) -> list[WaitCard]:
    """One card per reason. One query for all links together."""
    ids = {
        part for reason in reasons for part in (*reason.chain, reason.holder, str(reason.args.get("id", ""))) if part
    }
    known = dict(TaskRecord.objects.filter(record_id__in=ids).values_list("record_id", "pk")) if ids else {}
    return [_card(reason, now, known) for reason in reasons]


def _card(reason: Reason, now: datetime, known: dict[str, int]) -> WaitCard:
    args = reason.args
    return WaitCard(
        reason=reason,
        tone="decide" if reason.deadlock else _TONES.get(reason.code, "wait"),
        sentence=_("Deadlock: %(chain)s wait for each other.") % {"chain": " ← ".join(reason.chain)}
        if reason.deadlock
        else reason.sentence,
        since_s=(now - reason.since).total_seconds() if reason.since else None,
        left_s=(reason.deadline - now).total_seconds() if reason.deadline else None,
        attempt=_attempt(reason, now),
        attempts=args.get("max_retries") or args.get("of"),
        chain=[Link(part, _record_url(known[part]) if part in known else "") for part in reason.chain],
        links=_links(reason, known),
    )


def _attempt(reason: Reason, now: datetime) -> int | None:
    """Attempts are arithmetic: how many retry periods have passed since the wait began."""
    period: Any = reason.args.get("retry_period_ms") or reason.args.get("period")
    if not period or reason.since is None:
        return None
    return int((now - reason.since).total_seconds() * 1000 // float(period))


def _links(reason: Reason, known: dict[str, int]) -> list[Link]:
    found: list[Link] = []
    child = str(reason.args.get("id", ""))
    for record_id in (reason.holder, child):
        if record_id in known:
            found.append(Link(_("Open %(id)s") % {"id": record_id}, _record_url(known[record_id])))
    if reason.code in ("location", "lock", "unlock"):
        found.append(Link(_("Storage map"), reverse("admin:storage_map")))
    if reason.code in ("nobody", "worker"):
        found.append(Link(_("Services"), reverse("admin:services")))
    return found


def _record_url(pk: int) -> str:
    return reverse("admin:scheduler_taskrecord_change", args=(pk,))
