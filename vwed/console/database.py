"""The Database page: pools, connections of the server with their processes, the file, tables; killing a connection."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from scheduler import conf
from scheduler.errors import Refused
from vwed.admin_base import page
from vwed.console.confirm import Question, ask
from vwed.console.permit import require, require_view
from vwed.database import killing, present
from vwed.database.present import Database, Listed
from vwed.database.server import LONG_S
from vwed.database.tables import read_tables

VIEW, SQL, KILL = "scheduler.view_processrow", "scheduler.view_connection_sql", "scheduler.kill_connection"
_SHOWS = (present.ALL, present.LONG, present.LOCKS)


def database(request: HttpRequest) -> HttpResponse:
    """``?show=``: all connections (the default), ``long`` or ``locks``. Ten queries beside those of the frame."""
    require_view(request, VIEW)
    show = request.GET.get("show", present.ALL)
    show = show if show in _SHOWS else present.ALL
    now = present.read_database()
    rows = present.listed(now, show)
    values = conf.values()
    context = {
        "title": _("Database"),
        "live": {"database": present.frame(now)},
        "topics": "database",
        "now": now,
        "projected": present.projected() if now.server is not None else None,
        "rows": rows[: present.SHOWN],
        "further": max(0, len(rows) - present.SHOWN),
        "show": show,
        "long_s": LONG_S,
        "may_sql": request.user.has_perm(SQL),
        "may_kill": request.user.has_perm(KILL),
        "tables": read_tables(),
        "pool_settings": {
            "size": values.pool_size,
            "overflow": values.pool_overflow,
            "recycle": values.pool_recycle_s,
            "timeout": values.pool_timeout_s,
        },
    }
    return page(request, "vwed/pages/database.html", context)


def kill(request: HttpRequest, number: int) -> HttpResponse:
    """Kill one connection, after it was said whose it is and what becomes of its run."""
    require(request, KILL, action="kill_connection", object_type="connection", object_id=str(number))
    back = reverse("admin:database")
    now = present.read_database()
    try:
        killing.check(number, now.server)
    except Refused as refusal:
        messages.error(request, f"{refusal.message} {refusal.remedy}")
        return HttpResponseRedirect(back)
    question = Question(
        title=_("Kill connection %(n)s") % {"n": number},
        consequence=_consequence(number, now),
        verb=_("Kill connection"),
        danger=True,
        reason_required=True,
        command=f"manage.py db_connections --kill {number} --reason …",
        back=back,
    )
    answer = ask(request, question)
    if isinstance(answer, HttpResponse):
        return answer
    try:
        killing.kill(number, actor=request.user.get_username(), origin="page", reason=answer.reason)
        messages.success(request, _("Connection %(n)s was killed.") % {"n": number})
    except Refused as refusal:
        messages.error(request, f"{refusal.message} {refusal.remedy}")
    return HttpResponseRedirect(back)


def _consequence(number: int, now: Database) -> list[Any]:
    """What becomes of it, for a connection that was found to be there."""
    row = next(each for each in present.listed(now) if each.connection.id == number)
    return [_whose(row), _("What it has not committed rolls back. Its process connects again when it needs to.")]


def _whose(row: Listed) -> str:
    process, connection = row.process, row.connection
    if process is None:
        return _("No process of ours tells that it is its own: %(user)s from %(host)s, %(command)s for %(n)s s.") % {
            "user": connection.user,
            "host": connection.host,
            "command": connection.command,
            "n": connection.seconds,
        }
    if process.record:
        return _("It belongs to %(process)s, which executes run %(run)s: the run goes on from its checkpoint.") % {
            "process": process.name,
            "run": process.record,
        }
    return _("It belongs to %(process)s.") % {"process": process.name}
