"""Ending a connection of the server: what it has not committed rolls back, and its process connects again."""

from __future__ import annotations

from django.db import DatabaseError, connection

from scheduler import audit
from scheduler.errors import Refused
from vwed.database.server import Server, ServerConnection, read_server

#: Numbers of the server's errors: no such connection; not yours; a privilege is missing.
_GONE, _FORBIDDEN = 1094, frozenset({1095, 1227})


def kill(number: int, *, actor: str, origin: str, reason: str) -> ServerConnection:
    """End the connection ``number``; what it was. Audited, refused attempts of the server too.

    Raises:
        Refused: ``no_server``, ``connection_gone``, ``own_connection``, ``foreign_connection``, ``kill_forbidden``.
    """
    wanted = check(number, read_server())
    refusal: Refused | None = None
    try:
        with connection.cursor() as cursor:
            cursor.execute("KILL CONNECTION %s", [number])
    except DatabaseError as error:
        refusal = _refusal(error, number)
    audit.record(
        actor=actor,
        action="kill_connection",
        object_type="connection",
        object_id=str(number),
        before={"user": wanted.user, "host": wanted.host, "command": wanted.command, "seconds": wanted.seconds},
        reason=reason,
        origin=origin,
        refused=refusal is not None,
    )
    if refusal is not None:
        raise refusal
    return wanted


def check(number: int, server: Server | None) -> ServerConnection:
    """The connection ``number`` if it may be killed.

    Raises:
        Refused: see ``kill``; the server's own refusal comes only with the attempt.
    """
    if server is None:
        raise Refused(
            "no_server",
            "SQLite has no server whose connections could be killed.",
            "A process that holds the file is recycled on the Memory page, or stopped.",
        )
    found = next((each for each in server.connections if each.id == number), None)
    if found is None:
        raise _gone(number)
    if number == server.own:
        raise Refused(
            "own_connection",
            f"Connection {number} is the one that this very request uses.",
            "Choose another one; this one is free again in a moment.",
        )
    if found.database != server.database:
        raise Refused(
            "foreign_connection",
            f"Connection {number} works on the database {found.database or '–'}, not on {server.database}.",
            "It is none of ours: ask whoever runs the server.",
        )
    return found


def _gone(number: int) -> Refused:
    return Refused(
        "connection_gone",
        f"The server has no connection {number} any more.",
        "Look at the list again: it ended by itself, or somebody was faster.",
    )


def _refusal(error: DatabaseError, number: int) -> Refused:
    """The server's error as a refusal.

    Raises:
        DatabaseError: it is none.
    """
    code = error.args[0] if error.args else 0
    if code == _GONE:
        return _gone(number)
    if code in _FORBIDDEN:
        return Refused(
            "kill_forbidden",
            f"The database login of the console may not kill connection {number}.",
            "Connect as the login that it belongs to, or grant CONNECTION ADMIN (MySQL: CONNECTION_ADMIN) to this one.",
        )
    raise error
