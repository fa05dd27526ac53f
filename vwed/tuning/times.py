"""When a change takes effect: words and dates of people, in the installation's time zone, as moments in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext as _

from scheduler.errors import Refused

#: The quiet hour of the guide.
TONIGHT = time(2, 0)
#: The furthest that a change may be scheduled.
FURTHEST = timedelta(days=366)


def zone() -> ZoneInfo:
    """The installation's time zone."""
    return ZoneInfo(settings.TIME_ZONE)


def tonight(now: datetime) -> datetime:
    """The next 02:00 on the clocks of the installation.

    In a night whose clocks jump over it, the moment of the jump; in one that has it twice, the first.
    """
    here = now.astimezone(zone())
    for days in (0, 1):
        moment = datetime.combine(here.date() + timedelta(days=days), TONIGHT, zone()).astimezone(UTC)
        if moment > now:
            return moment
    raise AssertionError("one of two days has its 02:00 ahead")


def parse(text: str, now: datetime) -> datetime | None:
    """The moment that ``now``, ``tonight`` or a date and time mean; ``None`` for at once.

    A time without an offset is one of the installation's time zone.

    Raises:
        Refused: ``wrong_time`` (not a time, past, or too far ahead).
    """
    text = text.strip()
    if text in ("", "now"):
        return None
    if text == "tonight":
        return tonight(now)
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(
            "wrong_time",
            _("“%(text)s” is not a time.") % {"text": text[:40]},
            _("Give now, tonight, or a date and time such as 2026-03-01T02:00."),
        ) from None
    moment = (given if given.tzinfo is not None else given.replace(tzinfo=zone())).astimezone(UTC)
    if not now < moment <= now + FURTHEST:
        raise Refused(
            "wrong_time",
            _("%(text)s is not within the next year.") % {"text": text[:40]},
            _("Give a time that is still to come, or now."),
        )
    return moment
