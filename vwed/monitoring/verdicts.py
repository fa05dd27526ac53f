"""The verdicts of the leak watch as sentences, in the reader's language."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from vwed.models import Growth
from vwed.monitoring.growth import DAY_S, MB, NEEDED_STRETCHES, RUNS, Verdict


def sentence(growth: Growth) -> str:
    """The whole verdict with its figures."""
    runs = growth.subject == RUNS
    match growth.verdict:
        case Verdict.WARMING:
            text = _("Warming up: %(n)d of %(m)d runs.") if runs else _("Warming up: %(n)d of %(m)d measurements.")
            return text % {"n": growth.points, "m": growth.needed or NEEDED_STRETCHES}
        case Verdict.FLAT:
            return _flat(growth)
        case Verdict.GROWS:
            return " ".join(part for part in (_grows(growth), _limit(growth), _leading(growth)) if part)
        case Verdict.ALLOCATOR:
            return _(
                "Not a leak: the allocator keeps freed pages (allocated blocks flat, memory up %(low)s–%(high)s "
                "MB/day). Remedy: MALLOC_ARENA_MAX=2 in the environment, malloc_trim, or jemalloc."
            ) % {"low": _mb(growth.low), "high": _mb(growth.high)}
        case _:
            return _("Unknown: nothing was measured.")


def _flat(growth: Growth) -> str:
    reach = max(abs(growth.low or 0.0), abs(growth.high or 0.0))
    if growth.subject == RUNS:
        text = _("Flat: within ±%(reach)s allocated blocks per 1,000 runs over %(n)d runs (95 %%).")
        return text % {"reach": f"{reach:.0f}", "n": growth.points}
    return _("Flat: within ±%(reach)s MB/day (95 %%).") % {"reach": _mb(reach)}


def _grows(growth: Growth) -> str:
    if growth.subject == RUNS:
        figures: dict[str, Any] = {"low": f"{growth.low or 0:.0f}", "high": f"{growth.high or 0:.0f}"}
        since = _("1,000 runs leave %(low)s–%(high)s allocated blocks behind since %(since)s.")
        plain = _("1,000 runs leave %(low)s–%(high)s allocated blocks behind.")
    else:
        figures = {"low": _mb(growth.low), "high": _mb(growth.high)}
        since = _("Grows %(low)s–%(high)s MB/day since %(since)s.")
        plain = _("Grows %(low)s–%(high)s MB/day.")
    if growth.since is None:
        return plain % figures
    # No "p.m." at the end of a sentence, and the same in both languages.
    when = timezone.localtime(growth.since).strftime("%Y-%m-%d %H:%M")
    return since % {**figures, "since": when}


def _limit(growth: Growth) -> str:
    if growth.limit_days is None:
        return ""
    if growth.limit_days < 1:
        return _("The limit is reached in %(n)d hours.") % {"n": round(growth.limit_days * DAY_S / 3600)}
    return _("The limit is reached in %(n)d days.") % {"n": round(growth.limit_days)}


def _leading(growth: Growth) -> str:
    parts = []
    if growers := growth.details.get("growers"):
        parts.append(_("Leading type: %(name)s %(count)s.") % {"name": growers[0][0], "count": f"+{growers[0][1]:,}"})
    if blame := growth.details.get("blame"):
        kind, _count, site = blame[0]
        text = _("Leading block: %(name)s (%(site)s).") if kind else _("Leading place: %(site)s.")
        parts.append(text % {"name": kind, "site": site})
    return " ".join(parts)


def _mb(size: float | None) -> str:
    return f"{(size or 0.0) / MB:.1f}"
