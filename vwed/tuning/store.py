"""Stored values of the tunables: read, change with a reason, and hand over to the scheduler as ``conf.Values``."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import DatabaseError, connection, transaction
from django.db.models import Max

from scheduler import audit, clock
from scheduler.conf import Values
from scheduler.errors import Refused
from vwed.models import SettingChange
from vwed.tuning.parameter import Parameter, Value
from vwed.tuning.parameters import PARAMETERS, find

logger = logging.getLogger(__name__)

REASON_MIN, REASON_MAX = 3, 200
#: Changes kept per setting; the value in force is always among them.
HISTORY = 1000
#: Seconds between two looks at the newest change.
LOOK_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class Change:
    """What ``put`` did; ``changed`` is false when the value was in force already."""

    parameter: Parameter
    before: Value
    after: Value
    changed: bool
    version: int


def version() -> int:
    """Number of the newest change (0: none). One cheap query."""
    with connection.cursor() as cursor:  # every process asks every two seconds: without building a query each time
        cursor.execute(f"SELECT MAX(id) FROM {SettingChange._meta.db_table}")  # noqa: S608 - our name
        (newest,) = cursor.fetchone()
    return int(newest or 0)


def overrides() -> dict[str, Value]:
    """Parameter name → stored value, for those that were ever changed. One query.

    A stored value that the present bounds do not allow (after an upgrade) is left out with a warning.
    """
    newest = SettingChange.objects.values("name").annotate(newest=Max("id")).values("newest")
    stored = dict(SettingChange.objects.filter(id__in=newest).values_list("name", "value"))
    found: dict[str, Value] = {}
    for parameter in PARAMETERS:
        if parameter.name in stored:
            try:
                found[parameter.name] = parameter.parse(stored[parameter.name])
            except Refused as refused:
                logger.warning("A stored setting is ignored and its default used: %s", refused)
    return found


def get(name: str) -> Value:
    """The value in force.

    Raises:
        Refused: ``unknown_parameter``.
    """
    parameter = find(name)
    return overrides().get(parameter.name, parameter.default)


def put(name: str, text: str, *, reason: str, author: str, origin: str) -> Change:
    """Store a new value, with its audit entry, in one transaction.

    Raises:
        Refused: ``unknown_parameter``, ``wrong_type``, ``out_of_bounds`` or ``reason_missing``; nothing was changed.
    """
    parameter = find(name)
    value = parameter.parse(text)
    reason = reason.strip()
    if not REASON_MIN <= len(reason) <= REASON_MAX:
        raise Refused(
            "reason_missing",
            f"A change needs a reason of {REASON_MIN} to {REASON_MAX} characters.",
            "Say why, for the person who reads the history.",
        )
    with transaction.atomic():
        before = get(parameter.name)
        if before == value:
            return Change(parameter, before, value, changed=False, version=version())
        row = SettingChange.objects.create(
            name=parameter.name,
            value=parameter.format(value),
            author=author[:150],
            reason=reason,
            created_at=clock.now(),
        )
        _forget_oldest(parameter.name)
        audit.record(
            actor=author,
            action="change_setting",
            object_type="setting",
            object_id=parameter.name,
            before={"value": before},
            after={"value": value},
            reason=reason,
            origin=origin,
        )
    return Change(parameter, before, value, changed=True, version=row.pk)


def _forget_oldest(name: str) -> None:
    rows = SettingChange.objects.filter(name=name).order_by("-id")
    kept_to = rows.values_list("id", flat=True)[HISTORY : HISTORY + 1].first()
    if kept_to is not None:
        SettingChange.objects.filter(name=name, id__lte=kept_to).delete()


def as_values(stored: Mapping[str, Value]) -> Values:
    """The stored values over the defaults."""
    return Values(**{find(name).field: value for name, value in stored.items()})  # type: ignore[arg-type]


def _on_event_loop() -> bool:
    """Whether this is an event loop's thread, where a query would stop everybody; other threads look for it."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class StoreSource:
    """Source of values for ``scheduler.conf.use``: an attribute read, and one look at the newest change every 2 s.

    While the database cannot be asked, the last values stay in force. An event loop never asks: in its process a
    thread (the housekeeper) does.
    """

    def __init__(self, look_every_s: float = LOOK_EVERY_S) -> None:
        self._look_every_s = look_every_s
        self._looked_at = float("-inf")
        self._version = 0
        self._values = Values()

    def __call__(self) -> Values:
        """The values in force; never raises."""
        now = time.monotonic()
        if now - self._looked_at >= self._look_every_s and asyncio._get_running_loop() is None:
            self._looked_at = now
            self._look()
        return self._values

    @property
    def version(self) -> int:
        """Number of the newest change that these values contain."""
        return self._version

    def expect(self, newest: int) -> None:
        """Look again at the next read when ``newest`` (read elsewhere, as by the housekeeper) is unknown here."""
        if newest != self._version:
            self._looked_at = float("-inf")

    def _look(self) -> None:
        if connection.in_atomic_block and connection.needs_rollback:
            return
        try:
            newest = version()
            if newest != self._version:
                self._values = as_values(overrides())
                self._version = newest
        except DatabaseError as error:  # gone, or not migrated yet: both have their own, louder reports
            logger.debug("Settings could not be read, the last ones stay in force: %s", error)
