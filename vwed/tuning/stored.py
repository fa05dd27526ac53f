"""The values in force: read only. What nobody changed comes from the environment, else it is the default."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.db import connection
from django.db.models import Max

from scheduler.conf import Values
from scheduler.errors import Refused
from vwed.env import env
from vwed.models import ChangeSet, SettingChange
from vwed.tuning.parameter import Parameter, Value
from vwed.tuning.parameters import PARAMETERS, find

logger = logging.getLogger(__name__)


class Source(StrEnum):
    """Where a value comes from."""

    DEFAULT = "default"
    ENVIRONMENT = "environment"
    CHANGE = "change"


@dataclass(frozen=True, slots=True)
class Effective:
    """The value in force of one parameter; ``change`` is the number of its change set while the history knows it."""

    parameter: Parameter
    value: Value
    source: Source
    change: int | None = None

    @property
    def text(self) -> str:
        """The value as it would be typed."""
        return self.parameter.format(self.value)


def version() -> int:
    """Number of the newest change to the values in force (0: none). One cheap query."""
    with connection.cursor() as cursor:  # every process asks every two seconds: without building a query each time
        cursor.execute(f"SELECT MAX(version) FROM {ChangeSet._meta.db_table}")  # noqa: S608 - our name
        (newest,) = cursor.fetchone()
    return int(newest or 0)


def overrides() -> dict[str, Value]:
    """Parameter name → stored value, for those whose first value does not hold. One query.

    A stored value that the present bounds do not allow (after an upgrade) is left out with a warning.
    """
    return {name: value for name, (value, _change) in _read().items()}


def _read() -> dict[str, tuple[Value, int | None]]:
    newest = SettingChange.objects.values("name").annotate(newest=Max("id")).values("newest")
    rows = SettingChange.objects.filter(id__in=newest).exclude(value="").values_list("name", "value", "change_set_id")
    stored = {name: (value, change) for name, value, change in rows}
    found: dict[str, tuple[Value, int | None]] = {}
    for parameter in PARAMETERS:
        if parameter.name in stored:
            text, change = stored[parameter.name]
            try:
                found[parameter.name] = parameter.parse(text), change
            except Refused as refused:
                logger.warning("A stored setting is ignored and its first value used: %s", refused)
    return found


def environment() -> dict[str, Value]:
    """Parameter name → first value that the environment of this process gives. A bad one is ignored with a warning."""
    found: dict[str, Value] = {}
    for parameter in PARAMETERS:
        text = env.str(parameter.variable, default="")
        if text:
            try:
                found[parameter.name] = parameter.parse(text)
            except Refused as refused:
                logger.warning("%s in the environment is ignored: %s", parameter.variable, refused)
    return found


def first_value(parameter: Parameter) -> Value:
    """What holds when nothing is stored: the environment's value, else the default."""
    return environment().get(parameter.name, parameter.default)


def effective() -> dict[str, Effective]:
    """Every parameter with its value in force and where that comes from, in order of declaration. One query."""
    stored, given = _read(), environment()
    found: dict[str, Effective] = {}
    for parameter in PARAMETERS:
        name = parameter.name
        if name in stored:
            value, change = stored[name]
            found[name] = Effective(parameter, value, Source.CHANGE, change)
        elif name in given:
            found[name] = Effective(parameter, given[name], Source.ENVIRONMENT)
        else:
            found[name] = Effective(parameter, parameter.default, Source.DEFAULT)
    return found


def get(name: str) -> Value:
    """The value in force.

    Raises:
        Refused: ``unknown_parameter``.
    """
    parameter = find(name)
    stored = overrides()
    return stored[parameter.name] if parameter.name in stored else first_value(parameter)


def as_values(stored: Mapping[str, Value]) -> Values:
    """The stored values over the environment's over the defaults."""
    return Values(**{find(name).field: value for name, value in {**environment(), **stored}.items()})  # type: ignore[arg-type]
