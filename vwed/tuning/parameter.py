"""What one tunable is: type, unit, bounds, meaning, and when a change takes effect. Turning text into a value."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from scheduler.errors import Refused
from vwed.tuning.units import unit_word

Value = bool | int | float | str

_YES = frozenset({"true", "on", "yes", "1"})
_NO = frozenset({"false", "off", "no", "0"})


class TakesEffect(StrEnum):
    """When a changed value is in force."""

    #: At the next look, within one housekeeping interval.
    NOW = "now"
    #: For slices of runs that start after the change.
    NEXT_SLICE = "next_slice"
    #: For definitions and waits made after the change.
    NEW = "new"
    #: When the clusters are replaced, drained, one after another.
    CLUSTER = "cluster"
    #: At once: each web process takes a new pool and disposes of the old one.
    POOL = "pool"

    @property
    def words(self) -> Promise:
        """For people."""
        return {
            TakesEffect.NOW: _("at once (within one housekeeping interval)"),
            TakesEffect.NEXT_SLICE: _("with the next step of each run"),
            TakesEffect.NEW: _("for what is started after the change"),
            TakesEffect.CLUSTER: _("when the clusters are replaced"),
            TakesEffect.POOL: _("at once: each web process takes a new pool"),
        }[self]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One declared tunable.

    ``name`` is what people type; ``field`` is the attribute of ``scheduler.conf.Values``, which also holds the default.
    """

    name: str
    field: str
    default: Value
    unit: str
    minimum: float | None
    maximum: float | None
    group: str
    effect: TakesEffect
    help: Promise | str
    #: Environment variable that gives the first value of an installation.
    variable: str = ""

    @property
    def kind(self) -> str:
        """``bool``, ``int``, ``float`` or ``str``."""
        return type(self.default).__name__

    def parse(self, text: str) -> Value:
        """Return the value that ``text`` means.

        Raises:
            Refused: ``wrong_type`` or ``out_of_bounds``, stating what is allowed.
        """
        text = text.strip()
        value = self._read(text)
        if value is None:
            raise Refused("wrong_type", _not_a_value(text, self.name), _give(self.allowed()))
        if isinstance(value, str):
            return value
        low, high = self.minimum, self.maximum
        if (low is not None and value < low) or (high is not None and value > high):
            raise Refused("out_of_bounds", _out_of_bounds(text, self.name), _give(self.allowed()))
        return value

    def _read(self, text: str) -> Value | None:
        if self.kind == "bool":
            lowered = text.lower()
            return True if lowered in _YES else False if lowered in _NO else None
        if self.kind == "str":
            return text if 0 < len(text) <= 64 and text.isprintable() else None
        try:
            number = int(text) if self.kind == "int" else float(text)
        except ValueError:
            return None
        return number if math.isfinite(number) else None

    def format(self, value: Value) -> str:
        """The text that ``parse`` reads back as ``value``."""
        return str(value).lower() if isinstance(value, bool) else str(value)

    def allowed(self) -> str:
        """What may be given, in words of the active language."""
        if self.kind == "bool":
            return gettext("true or false")
        if self.kind == "str":
            return gettext("a text of at most 64 characters")
        words = (
            gettext("a whole number from %(low)s to %(high)s %(unit)s")
            if self.kind == "int"
            else gettext("a number from %(low)s to %(high)s %(unit)s")
        )
        return (
            words % {"low": _number(self.minimum), "high": _number(self.maximum), "unit": unit_word(self.unit)}
        ).rstrip()


def _not_a_value(text: str, name: str) -> str:
    return gettext("“%(text)s” is not a value of %(name)s.") % {"text": text[:64], "name": name}


def _out_of_bounds(text: str, name: str) -> str:
    return gettext("%(name)s cannot be %(text)s.") % {"text": text[:64], "name": name}


def _give(allowed: str) -> str:
    return gettext("Give %(allowed)s.") % {"allowed": allowed}


def _number(value: float | None) -> str:
    """A bound without an exponent and without useless zeros."""
    return "any" if value is None else str(int(value)) if float(value).is_integer() else str(value)
