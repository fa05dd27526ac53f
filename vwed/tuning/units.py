"""Units in words: parameters hold the plain English ones."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

_UNITS: Mapping[str, Promise] = {
    "s": gettext_lazy("s"),
    "ms": gettext_lazy("ms"),
    "h": gettext_lazy("h"),
    "days": gettext_lazy("days"),
    "bytes": gettext_lazy("bytes"),
    "processes": gettext_lazy("processes"),
    "tasks": gettext_lazy("tasks"),
    "branches": gettext_lazy("branches"),
    "characters": gettext_lazy("characters"),
    "blocks": gettext_lazy("blocks"),
    "memory blocks": gettext_lazy("memory blocks"),
    "rounds": gettext_lazy("rounds"),
    "rows": gettext_lazy("rows"),
    "calls": gettext_lazy("calls"),
    "values": gettext_lazy("values"),
    "connections": gettext_lazy("connections"),
}


def unit_word(unit: str) -> str | Promise:
    """A unit in the active language; MB and the like are the same in all."""
    return _UNITS.get(unit, unit)
