"""Error pages. Those that may come because the database is gone are made without a query."""

from __future__ import annotations

import sys

from django.contrib import admin
from django.db import DatabaseError, InterfaceError, OperationalError, ProgrammingError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from vwed.database.exhaustion import PoolExhausted, server_is_full

#: Seconds after which a page that found no database tries again.
RETRY_S = 5
#: Addresses that scripts ask: they get words as JSON.
_FOR_SCRIPTS = ("/admin/live/", "/admin/monitoring/")
_UNPREPARED = ("no such table", "no such column", "(1146,", "(1054,")


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403: what is missing, and who can give it."""
    return _framed(
        request,
        403,
        "lock",
        _("You may not do this"),
        _("Your role has no right for this page or action. The attempt was not carried out."),
        _("Ask an administrator for a role that may, or sign in as somebody else."),
    )


def unreadable(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400: damaged, from another host, or larger than a form may be."""
    return _bare(
        request,
        400,
        _("This request cannot be read"),
        _("It is damaged, or larger than a form may be. Nothing was changed."),
        _("Go back and shorten what you entered; large task files come in by Import."),
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404: it does not exist, or not any more."""
    return _framed(
        request,
        404,
        "search_off",
        _("This page does not exist"),
        _("The address is wrong, or what it showed has been removed by retention."),
        _("Go to the overview, or search for the id with Ctrl+K."),
    )


def broken(request: HttpRequest) -> HttpResponse:
    """500, and 503 when the cause is the database."""
    error = sys.exc_info()[1]
    if isinstance(error, DatabaseError | InterfaceError):
        return database_gone(request, error)
    return _bare(
        request,
        500,
        _("Something went wrong here"),
        _("This page failed; the fault is in the log of the web process. Tasks that are running go on."),
        _("Try again; if it happens again, give the time and the address to whoever runs this installation."),
    )


def database_gone(request: HttpRequest, error: Exception) -> HttpResponse:
    """503: the database does not answer, has no connection left, or is not prepared."""
    if isinstance(error, PoolExhausted):
        return _later(
            request,
            "pool_exhausted",
            _("All database connections are in use"),
            _("If it happens again: the Database page shows connections that hang; the pool is a setting."),
        )
    if server_is_full(error):
        return _later(
            request,
            "server_full",
            _("The database server takes no more connections"),
            _("Raise max_connections, or make pools smaller: manage.py db_connections tells who holds them."),
        )
    if isinstance(error, OperationalError | ProgrammingError) and any(mark in str(error) for mark in _UNPREPARED):
        return _bare(
            request,
            503,
            _("The database is not prepared"),
            _("Its tables do not fit this version of the program."),
            _("Run: manage.py migrate"),
        )
    return _later(
        request,
        "database_unreachable",
        _("The database does not answer"),
        _("Check that the database server runs and that DATABASE_URL is right."),
    )


def _later(request: HttpRequest, code: str, title: str, remedy: str) -> HttpResponse:
    """503 that passes: a page that tries again by itself, or a document for a script that does."""
    if request.path.startswith(_FOR_SCRIPTS):
        content = {"error": {"code": code, "message": title, "remedy": remedy}}
        return JsonResponse(content, status=503, headers={"Retry-After": str(RETRY_S), "Cache-Control": "no-store"})
    text = _("Tasks that are running go on. This page tries again in 5 s.")
    return _bare(request, 503, title, text, remedy, retry=RETRY_S)


def _framed(request: HttpRequest, status: int, icon: str, title: str, text: str, remedy: str) -> HttpResponse:
    """In the frame of the console for people who are signed in, bare for all others."""
    try:
        inside = request.path.startswith("/admin/") and request.user.is_authenticated and request.user.is_staff
        if not inside:
            return _bare(request, status, title, text, remedy)
        context = {
            **admin.site.each_context(request),
            "title": title,
            "error_icon": icon,
            "text": text,
            "remedy": remedy,
        }
        return TemplateResponse(request, "vwed/error.html", context, status=status).render()
    except (DatabaseError, InterfaceError) as error:
        return database_gone(request, error)


def _bare(request: HttpRequest, status: int, title: str, text: str, remedy: str, retry: int = 0) -> HttpResponse:
    context = {"title": title, "text": text, "remedy": remedy, "retry": retry}
    response = HttpResponse(
        # Without a request: no context processor may look for the user.
        render(None, "vwed/bare.html", context).content,
        status=status,
    )
    if retry:
        response["Retry-After"] = str(retry)
    return response
