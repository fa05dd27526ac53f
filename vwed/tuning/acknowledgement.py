"""Which processes have a change in force, which have not yet, and which cannot tell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from django.utils.translation import gettext as _

from scheduler import clock, selectors
from scheduler.models import ProcessRow
from vwed.models import ChangeSet
from vwed.tuning.parameter import TakesEffect
from vwed.tuning.parameters import PARAMETERS


class State(StrEnum):
    """What a process has made of a change."""

    APPLIED = "applied"
    WAITING = "waiting"
    CANNOT = "cannot"
    NEEDS_REPLACEMENT = "needs_replacement"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """One live process. ``at``: since when it has the change in force; while it waits, its last heartbeat.

    ``digest`` proves its values: equal digests, equal values. ``why``: in words of the active language.
    """

    process: str
    role: str
    host: str
    state: State
    at: datetime | None
    digest: str = ""
    why: str = ""


def read(version: int) -> list[Acknowledgement]:
    """Every live process beside the change of that version, in the order of their rows. Two queries."""
    row = ChangeSet.objects.filter(version=version).first()
    rows = list(selectors.live_processes(clock.now()))
    replaced = _generations(rows)
    needs = row is not None and _needs_replacement(row.difference)
    return [_of(each, version, needs, replaced) for each in rows]


def _needs_replacement(names: Iterable[str]) -> bool:
    return any(each.name in names and each.effect is TakesEffect.CLUSTER for each in PARAMETERS)


def _generations(rows: Iterable[ProcessRow]) -> dict[tuple[str, int], int]:
    """(host, process id of a cluster main) → version of the settings its processes were started with."""
    return {
        (row.host, row.pid): int(row.sample["generation_version"])
        for row in rows
        if row.role == "main" and row.sample.get("generation_version") is not None
    }


def _of(row: ProcessRow, version: int, needs: bool, generations: dict[tuple[str, int], int]) -> Acknowledgement:
    digest = str(row.sample.get("settings_digest") or "")
    if row.role == "main" and needs:
        started = generations.get((row.host, row.pid), 0)
        if started < version:
            why = _("Its workers were started before the change: replace the cluster.")
            return Acknowledgement(row.name, row.role, row.host, State.NEEDS_REPLACEMENT, row.beat_at, digest, why)
        return Acknowledgement(row.name, row.role, row.host, State.APPLIED, row.beat_at, digest)
    why = _why_not(row.role)
    if why:
        return Acknowledgement(row.name, row.role, row.host, State.CANNOT, None, digest, why)
    if row.settings_version < version:
        return Acknowledgement(
            row.name, row.role, row.host, State.WAITING, row.beat_at, digest, _("It has not looked since the change.")
        )
    at = row.sample.get("settings_at")
    moment = datetime.fromtimestamp(at / 1000, UTC) if at else None
    return Acknowledgement(row.name, row.role, row.host, State.APPLIED, moment, digest)


def _why_not(role: str) -> str:
    """Why a process of that role acknowledges nothing; empty when it does."""
    return {
        "main": _("It forks and keeps no connection: it reads the settings when it looks at its processes."),
        "sentinel": _("It forks and has no connection: it takes no settings."),
        "monitor": _("It stores results of other tasks and takes no settings."),
        "console": _("It only starts and stops the others."),
        "simulator": _("It is the robots' stand-in and takes no settings."),
        "demo": _("It only starts tasks for the demonstration and takes no settings."),
    }.get(role, "")
