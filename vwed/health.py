"""``/healthz`` (this process is alive) and ``/readyz`` (it can do its work, and a cluster consumes)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from django.core.cache import cache
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from scheduler import clock
from scheduler.models import ProcessRow
from vwed import diagnosis
from vwed.database.exhaustion import PoolExhausted

Answer = TypeVar("Answer", bound=HttpResponse)
#: A process whose last beat is older is not counted as alive.
BEAT_LIMIT = timedelta(seconds=15)
OK = "ok"
#: That all migrations are applied is believed for so many seconds: finding it out reads every migration.
MIGRATED_S = 30
_MIGRATED_KEY = "vwed.health.migrated"
#: Rows that are looked at: more processes than that live nowhere.
_ROW_LIMIT = 1000

#: Without one of these nothing is consumed: what is missing then, in words.
_NEEDED = {
    "workers": "no worker interprets runs",
    "pusher": "no pusher hands runs to workers",
    "io": "no io process talks to the fleet",
}
_ROLE_CHECKS = {"worker": "workers", "pusher": "pusher", "io": "io"}


class Reason(NamedTuple):
    """Why it is not ready: the check that failed, what was found, what to do."""

    check: str
    message: str
    remedy: str


def healthz(request: HttpRequest) -> HttpResponse:
    """Answer without touching anything: the process serves requests."""
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(request: HttpRequest) -> JsonResponse:
    """200 when the database answers, is migrated and a cluster consumes; else 503 with the reasons.

    ``checks``: name → ``ok``, or what is wrong; a check that was not made because an earlier one failed is absent.
    Two queries, more only every ``MIGRATED_S``.
    """
    reasons: list[Reason] = []
    made: list[str] = []
    try:
        for check, found in _look():
            made.append(check)
            reasons += [found] if found is not None else []
    except PoolExhausted:
        made.append("database")
        remedy = "Look at the Database page; raise the setting pool_size or pool_overflow."
        reasons = [Reason("database", "no connection of the pool became free in time", remedy)]
    except (DatabaseError, InterfaceError, OSError):
        # What exactly is wrong may name hosts and users; it belongs into the log, not into an open answer.
        made.append("database")
        remedy = "Check that the database server runs and that DATABASE_URL is right: manage.py doctor"
        reasons = [Reason("database", "does not answer", remedy)]
    wrong = {reason.check: f"{reason.message}: {reason.remedy}" for reason in reasons}
    document = {
        "ready": not reasons,
        "checks": {check: wrong.get(check, OK) for check in made},
        "reasons": [reason._asdict() for reason in reasons],
    }
    return unlogged(JsonResponse(document, status=503 if reasons else 200))


def unlogged(response: Answer) -> Answer:
    """The same, without the line that Django logs for every 503: whoever probes asks every few seconds."""
    setattr(response, "_has_been_logged", True)  # noqa: B010 - the mark of django.utils.log.log_response
    return response


def _look() -> Iterator[tuple[str, Reason | None]]:
    """Each check with what is wrong."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    yield "database", None
    missing = _missing_migrations()
    if missing:
        yield "migrations", Reason("migrations", f"{missing} missing", "run manage.py migrate")
        return
    yield "migrations", None
    yield from consuming(clock.now())


def _missing_migrations() -> int:
    if cache.get(_MIGRATED_KEY):
        return 0
    missing = len(diagnosis.pending_migrations())
    if not missing:
        cache.set(_MIGRATED_KEY, True, MIGRATED_S)
    return missing


def consuming(now: datetime) -> Iterator[tuple[str, Reason | None]]:
    """Whether some cluster takes and interprets runs, and something talks to the fleet. One query.

    Workers and pusher must be of one generation: a pusher gives runs to no workers but its own.
    """
    rows = ProcessRow.objects.filter(role__in=_ROLE_CHECKS, ended_at__isnull=True).order_by("-beat_at")
    found = list(rows.values_list("role", "boot_id", "beat_at", "draining")[:_ROW_LIMIT])
    fit = {(role, boot) for role, boot, beat, draining in found if now - beat <= BEAT_LIMIT and not draining}
    pushed = {boot for role, boot in fit if role == "pusher"}
    working = {boot for role, boot in fit if role == "worker"}
    good = {
        "workers": bool(working & pushed) if pushed else bool(working),
        "pusher": bool(pushed),
        "io": any(role == "io" for role, _boot in fit),
    }
    for check, is_good in good.items():
        yield check, None if is_good else _missing(check, [row for row in found if _ROLE_CHECKS[row[0]] == check], now)


def _missing(check: str, rows: list[tuple[str, str, datetime, bool]], now: datetime) -> Reason:
    """The reason in words: none there, silent, or about to end."""
    beats = [beat for _role, _boot, beat, _draining in rows]
    silent = bool(beats) and all(now - beat > BEAT_LIMIT for beat in beats)
    draining = any(is_draining for *_rest, is_draining in rows)
    if silent:
        seconds = round((now - max(beats)).total_seconds())
        return Reason(check, f"{_NEEDED[check]}: not heard of for {seconds} s", "Look at the Services page.")
    if draining:
        return Reason(check, f"{_NEEDED[check]}: draining", "Wait: it is being replaced or ended.")
    if rows:
        return Reason(check, f"{_NEEDED[check]} of the cluster that claims them", "Look at the Services page.")
    return Reason(check, _NEEDED[check], "run manage.py cluster")
