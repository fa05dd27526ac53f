"""How numbers, durations, sizes and times look. ``static/vwed/js/ui/format.js`` writes the same way in the browser."""

from __future__ import annotations

from datetime import UTC, datetime

from django.utils import timezone
from django.utils.translation import gettext as _


def count(value: int | float) -> str:
    """Grouped digits, never abbreviated: ``12 345`` with a narrow no-break space."""
    return f"{int(value):,}".replace(",", "\u202f")


def megabytes(size: float) -> str:
    """Bytes as MB (10⁶), one decimal below 100 MB, GB from 10,000 MB."""
    mb = size / 1e6
    if mb >= 10_000:
        return f"{mb / 1000:.1f} GB"
    return f"{mb:.1f} MB" if mb < 100 else f"{mb:.0f} MB"


def percent(value: float) -> str:
    """Percent without decimals, below 10 with one: ``8.4 %``."""
    return f"{value:.1f} %" if abs(value) < 9.95 else f"{value:.0f} %"


def signed(value: float) -> str:
    """A difference with its sign; none is ``0``."""
    whole = round(value)
    return f"{'+' if whole > 0 else '−'}{count(abs(whole))}" if whole else "0"


def duration(seconds: float) -> str:
    """``420 ms``, ``12.4 s``, ``12 m 04 s``, ``3 h 07 m``, ``2 d 4 h`` with the units of the active language."""
    seconds = max(0.0, seconds)
    if seconds < 1:
        return _("%(n)s ms") % {"n": round(seconds * 1000)}
    if seconds < 60:
        return _("%(n)s s") % {"n": f"{seconds:.1f}"}
    whole = int(seconds)
    if whole < 3600:
        return _("%(m)s m %(s)s s") % {"m": whole // 60, "s": f"{whole % 60:02d}"}
    if whole < 86400:
        return _("%(h)s h %(m)s m") % {"h": whole // 3600, "m": f"{whole % 3600 // 60:02d}"}
    return _("%(d)s d %(h)s h") % {"d": whole // 86400, "h": whole % 86400 // 3600}


def moment(value: datetime | None, now: datetime | None = None) -> str:
    """``14:05:10`` today, ``11-23 14:05`` otherwise, in the plant's zone; empty for no time."""
    if value is None:
        return ""
    local = timezone.localtime(value)
    today = timezone.localtime(now or timezone.now()).date()
    return local.strftime("%H:%M:%S" if local.date() == today else "%m-%d %H:%M")


def moment_ms(value: int | None) -> str:
    """``moment`` of epoch milliseconds."""
    return moment(datetime.fromtimestamp(value / 1000, UTC)) if value is not None else ""


def iso(value: datetime | None) -> str:
    """Full time with offset, for titles."""
    return timezone.localtime(value).isoformat(timespec="milliseconds") if value is not None else ""
