"""The outbox: one row per message and receiver, written with what it tells of, sent afterwards by ``delivery``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from scheduler.errors import Refused
from vwed.alerts.rules import RECEIVER_LIMIT, receivers_of
from vwed.models import Alert, AlertDelivery

OPENED, CLEARED, TEST = "opened", "cleared", "test"
MAIL, WEBHOOK = "mail", "webhook"
#: States of a delivery. ``next_at``: when it is tried; of one that failed, when it was given up.
PENDING, SENT, FAILED, DROPPED = "pending", "sent", "failed", "dropped"
#: Messages that wait at once; in a storm the further alerts are shown and not told.
PENDING_LIMIT = 500
_TARGET_LIMIT = 500


def channel_of(target: str) -> str:
    """``mail`` or ``webhook``.

    Raises:
        Refused: ``bad_receiver``: neither an address nor an http address.
    """
    if len(target) <= _TARGET_LIMIT:
        if urlsplit(target).scheme in ("http", "https") and urlsplit(target).hostname:
            return WEBHOOK
        try:
            validate_email(target)
        except ValidationError:
            pass
        else:
            return MAIL
    raise Refused(
        "bad_receiver",
        _("%(target)s is no mail address and no http address.") % {"target": target[:100]},
        _("One receiver a line, like shift@example.com or https://example.com/hook."),
    )


def checked_receivers(text: str) -> tuple[str, ...]:
    """The receivers of a text, one a line.

    Raises:
        Refused: ``bad_receiver`` or ``too_many_receivers``.
    """
    lines = {line.strip() for line in text.splitlines() if line.strip()}
    if len(lines) > RECEIVER_LIMIT:
        raise Refused(
            "too_many_receivers",
            _("%(n)s receivers; a rule has at most %(most)s.") % {"n": len(lines), "most": RECEIVER_LIMIT},
            _("Use a mailing list, or a webhook that passes the alert on."),
        )
    for line in lines:
        channel_of(line)
    return receivers_of(text)


def queue(messages: Iterable[tuple[Alert | None, str, Sequence[str]]], now: datetime) -> list[AlertDelivery]:
    """Write a row for each receiver of each (alert, kind, receivers), in the caller's transaction. Two statements."""
    rows = [
        AlertDelivery(
            alert=alert,
            kind=kind,
            channel=channel_of(target),
            target=target,
            state=PENDING,
            created_at=now,
            next_at=now,
        )
        for alert, kind, receivers in messages
        for target in receivers
    ]
    if not rows:
        return []
    room = PENDING_LIMIT - AlertDelivery.objects.filter(state=PENDING).count()
    return AlertDelivery.objects.bulk_create(rows[: max(room, 0)])
