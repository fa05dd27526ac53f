"""Tags and filters of the console's templates: chips, numbers, times, live values."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from vwed.console import chips, formats

register = template.Library()
register.filter("count", formats.count)
register.filter("moment", formats.moment)
register.filter("moment_ms", formats.moment_ms)
register.filter("iso", formats.iso)
register.filter("megabytes", formats.megabytes)
register.filter("duration", formats.duration)
register.filter("percent", formats.percent)
register.filter("signed", formats.signed)


@register.filter
def age(value: datetime | None) -> str:
    """How long ago, as a duration; empty for no time."""
    return formats.duration((timezone.now() - value).total_seconds()) if value is not None else ""


@register.filter
def dig(value: Any, key: str) -> Any:
    """An entry of a mapping by a key that is a variable."""
    return value.get(key) if isinstance(value, Mapping) else None


@register.filter
def shorten(value: str, length: int = 20) -> str:
    """An id cut in the middle."""
    text = str(value)
    if len(text) <= length:
        return text
    keep = (length - 1) // 2
    return f"{text[:keep]}…{text[-keep:]}"


@register.simple_tag
def chip(status: str) -> SafeString:
    """Status of a run as icon, word and shape."""
    return chips.status_chip(status)


@register.simple_tag
def tone_chip(word: str, icon: str, tone: str, shape: str = "border") -> SafeString:
    """Any other state as icon, word and shape."""
    return chips.chip(word, icon, tone, shape)


@register.simple_tag
def icon(name: str, tone: str = "") -> SafeString:
    """A decorative icon; the word stands beside it."""
    if tone:
        return format_html('<span class="vw-icon vw-tone" data-tone="{}" aria-hidden="true">{}</span>', tone, name)
    return format_html('<span class="vw-icon" aria-hidden="true">{}</span>', name)


_LIVE: Mapping[str, Callable[[Any], str]] = {
    "count": formats.count,
    "bytes": formats.megabytes,
    "ms": lambda value: formats.duration(value / 1000),
    "age": lambda value: formats.duration((timezone.now() - datetime.fromtimestamp(value / 1000, UTC)).total_seconds()),
    "moment": formats.moment_ms,
    "text": str,
    "percent": formats.percent,
}


@register.simple_tag(takes_context=True)
def live(context: Mapping[str, Any], path: str, form: str = "count") -> SafeString:
    """A value of the live topics that the page keeps fresh; rendered with its present value."""
    value: Any = context.get("live")
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else value[int(key)] if isinstance(value, list) else None
    text = _("–") if value is None else _LIVE[form](value)
    return format_html(
        '<span class="vw-num" data-live="{}" data-form="{}" data-value="{}">{}</span>',
        path,
        form,
        "" if value is None else value,
        text,
    )


@register.simple_tag(takes_context=True)
def pool_figure(context: Mapping[str, Any], key: str, place: int, form: str = "count") -> SafeString:
    """A figure of one pool from its place in the frame of the topic ``database``."""
    found: SafeString = live(context, f"database.pools.{key}.{place}", form)
    return found


@register.simple_tag
def process_figure(row: Any, place: int, value: Any, form: str = "count", more: str = "") -> SafeString:
    """A cell with one figure of a process, kept fresh from its place in the frame as long as the process lives."""
    text = _("–") if value is None else _LIVE[form](value)
    kind = f"vw-num {more}".strip()
    if not row.live:
        return format_html('<td class="{}">{}</td>', kind, text)
    return format_html(
        '<td class="{}"><span data-live="{}.{}" data-form="{}" data-value="{}">{}</span></td>',
        kind,
        row.live,
        place,
        form,
        "" if value is None else value,
        text,
    )


@register.filter
def pretty(value: Any) -> str:
    """JSON text or value, indented; what is no JSON stays as it is."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return str(value)
    return json.dumps(value, ensure_ascii=False, indent=2)


@register.filter
def get(mapping: Mapping[Any, Any], key: Any) -> Any:
    """The entry of ``key``, or nothing."""
    return mapping.get(key, "")


@register.filter
def spaced(names: str) -> str:
    """Names joined by commas, with room between them."""
    return ", ".join(part.strip() for part in names.split(","))


@register.filter
def pairs(value: Any) -> str:
    """A flat mapping in words: ``open 1 · changed 0``; what is no mapping stays as it is."""
    if not isinstance(value, Mapping):
        return str(value)
    return " · ".join(f"{str(key).replace('_', ' ')} {shown}" for key, shown in value.items()) or "–"


@register.filter
def took(record: Any) -> float:
    """Seconds from the creation of a run to its end."""
    return float((record.ended_at - record.created_at).total_seconds())


@register.filter
def unlocalized(value: float) -> str:
    """A number as style sheets want it, whatever the language."""
    return f"{value:g}"


@register.filter
def yes_no(value: Any) -> str:
    """A truth value, or its text, in a word."""
    return _("yes") if str(value).lower() == "true" else _("no")


@register.filter
def since_ms(value: int) -> str:
    """How long ago an epoch time in milliseconds was."""
    return _LIVE["age"](value)


@register.filter
def epoch_ms(value: datetime | None) -> int | str:
    """A time as epoch milliseconds, for ages that tick."""
    return int(value.timestamp() * 1000) if value is not None else ""


@register.filter
def lasted(alert: Any) -> float:
    """Seconds from the opening of an alert to its end."""
    return float((alert.cleared_at - alert.opened_at).total_seconds()) if alert.cleared_at is not None else 0.0


@register.simple_tag
def alerts_line() -> Mapping[str, Any]:
    """The open alerts for the line on the Overview. Two queries."""
    from vwed.console.alerts import overview_line

    return overview_line()
