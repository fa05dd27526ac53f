"""Sends the outbox: a few messages a call, each with a time-out, tried a bounded number of times with growing pauses.

A message is claimed before it is sent (its next try is moved), so that of several processes one sends it, and one that
dies while sending loses nothing: the message is sent again, at the latest after the claim has run out.
"""

from __future__ import annotations

import smtplib
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from scheduler import clock
from vwed.alerts import messages, outbox, rules
from vwed.models import AlertDelivery

EVERY_S = 5.0
#: Seconds for one message, and for all of one call: alerts are watched in the same thread.
TIMEOUT_S, BUDGET_S = 4.0, 6.0
BATCH = 10
#: Tries in all, and the pauses between them in seconds: a quarter of an hour together.
TRIES = 6
PAUSES_S = (10.0, 30.0, 60.0, 180.0, 600.0)
#: A claimed message whose sender died is tried again after this.
CLAIM_S = 60.0
#: Bytes of one webhook.
BODY_LIMIT = 16 * 1024
_ERROR_LIMIT = 500


class Undelivered(Exception):
    """A message did not reach its receiver; the text says why."""


@dataclass(slots=True)
class _Round:
    """What one call did; receivers that failed in it are left for the next one."""

    counts: dict[str, int] = field(default_factory=lambda: {"sent": 0, "retry": 0, "failed": 0, "dropped": 0})
    failed: set[str] = field(default_factory=set)


def run_once(
    now: datetime | None = None, *, only: Collection[int] | None = None, steady: Callable[[], float] = time.monotonic
) -> Mapping[str, Any]:
    """Send what is due (of ``only``, if given); what became of how many. One query if none is."""
    moment = now or clock.now()
    due = AlertDelivery.objects.filter(state=outbox.PENDING, next_at__lte=moment).select_related("alert")
    if only is not None:
        due = due.filter(pk__in=only)
    until = steady() + BUDGET_S
    done = _Round()
    for row in due.order_by("next_at", "pk")[:BATCH]:
        if steady() >= until:
            break
        if row.target not in done.failed:
            outcome = _one(row, moment)
            if outcome:
                done.counts[outcome] += 1
            if outcome in ("retry", "failed"):
                done.failed.add(row.target)
    return done.counts


def _one(row: AlertDelivery, now: datetime) -> str:
    """Send one message; the outcome, empty when another process has it."""
    mine = AlertDelivery.objects.filter(pk=row.pk, state=outbox.PENDING, tries=row.tries)
    if _is_moot(row):
        return "dropped" if mine.update(state=outbox.DROPPED, next_at=None) else ""
    if not mine.update(tries=row.tries + 1, next_at=now + timedelta(seconds=CLAIM_S)):
        return ""
    row.tries += 1
    try:
        _send(row)
    except Undelivered as error:
        return _put_off(row, str(error), now)
    _close(row, state=outbox.SENT, sent_at=clock.now(), next_at=None, error="")
    return "sent"


def _is_moot(row: AlertDelivery) -> bool:
    """Whether nobody needs the message any more: somebody has acknowledged the alert, or it cleared untold."""
    if row.alert is None:
        return row.kind != outbox.TEST
    return row.kind == outbox.OPENED and (row.alert.acked_at is not None or row.alert.cleared_at is not None)


def _put_off(row: AlertDelivery, error: str, now: datetime) -> str:
    if row.tries >= TRIES or row.kind == outbox.TEST:  # who tests looks at the outcome and tries again
        _close(row, state=outbox.FAILED, next_at=now, error=error[:_ERROR_LIMIT])
        return "failed"
    pause = PAUSES_S[min(row.tries, len(PAUSES_S)) - 1]
    _close(row, next_at=now + timedelta(seconds=pause), error=error[:_ERROR_LIMIT])
    return "retry"


def _close(row: AlertDelivery, **columns: Any) -> None:
    AlertDelivery.objects.filter(pk=row.pk, state=outbox.PENDING, tries=row.tries).update(**columns)


def _send(row: AlertDelivery) -> None:
    """Send one message.

    Raises:
        Undelivered: it did not arrive, as far as is known.
    """
    rule = rules.BY_CODE.get(row.alert.rule) if row.alert is not None else None
    message = messages.compose(row.kind, row.alert, rule)
    if row.channel == outbox.MAIL:
        _mail(row.target, message)
    else:
        _post(row.target, message)


def _mail(target: str, message: messages.Message) -> None:
    if not settings.EMAIL_URL:
        raise Undelivered("EMAIL_URL is not set: there is no mail server to hand the message to")
    try:
        with get_connection(timeout=TIMEOUT_S) as server:
            EmailMessage(message.subject, message.text, None, [target], connection=server).send()
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise Undelivered(f"{type(error).__name__}: {error}") from error


def _post(target: str, message: messages.Message) -> None:
    """Post the document; the answer's status counts, its body is not read."""
    body = message.as_json(BODY_LIMIT)
    headers = {"Content-Type": "application/json", "User-Agent": "VWED alerts"}
    try:
        with (
            httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client,
            client.stream("POST", target, content=body, headers=headers) as answer,
        ):
            status = answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise Undelivered(f"{type(error).__name__}: {error}") from error
    if not 200 <= status < 300:
        raise Undelivered(f"HTTP {status}")
