"""``manage.py db_connections``: who is connected to the database, since when, and which run waits for whom."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from vwed.database import killing, present
from vwed.database.present import Database, Listed
from vwed.database.server import LONG_S
from vwed.management.action import ActionCommand, Answer, WrongUsage, actor


class Command(ActionCommand):
    help = (
        "Shows the connections of the database server with the processes and runs they belong to, the pools of the web "
        "processes, and what the present settings may open at most; kills one with --kill. On SQLite it shows the "
        "file and the open connections: there is no server."
    )

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--longer-than",
            type=int,
            metavar="S",
            help=f"only those that have been in their state for longer (the guide's figure: {LONG_S})",
        )
        parser.add_argument("--sql", action="store_true", help="show the statements too")
        parser.add_argument("--kill", type=int, metavar="ID", help="kill this connection; needs --reason")
        parser.add_argument("--reason", default="", help="why, for the audit log")

    def act(self, options: Mapping[str, Any]) -> Answer:
        if options["kill"] is not None:
            if len(options["reason"].strip()) < 3:
                raise WrongUsage("--kill needs a --reason of at least 3 characters.")
            gone = killing.kill(options["kill"], actor=actor(), origin="command", reason=options["reason"].strip())
            return Answer(
                {"killed": gone.id, "user": gone.user, "host": gone.host}, f"Connection {gone.id} was killed."
            )
        now = present.read_database()
        rows = present.listed(now)
        least = options["longer_than"]
        if least is not None:
            rows = [row for row in rows if row.connection.seconds > least]
        content = document(now, rows, sql=options["sql"])
        return Answer(content, "\n".join(_lines(now, rows, content, sql=options["sql"])))


def document(now: Database, rows: list[Listed], *, sql: bool = False) -> dict[str, Any]:
    """Everything as JSON; statements only when they are asked for."""
    server, file = now.server, now.file
    content: dict[str, Any] = {
        "vendor": now.vendor,
        "open": now.open,
        "processes": [
            {"name": p.name, "connections": p.connections, "busy_waits": p.busy_waits} for p in now.processes
        ],
        "pools": [
            {
                "process": pool.process.name,
                "in_use": pool.in_use,
                "size": pool.size,
                "overflow": pool.overflow,
                "max_overflow": pool.most_overflow,
                "waits": pool.waits,
                "longest_ms": pool.longest_ms,
                "timeouts": pool.timeouts,
            }
            for pool in now.pools
        ],
    }
    if server is not None:
        content["server"] = {
            "version": server.version,
            "connected": server.connected,
            "limit": server.limit,
            "most_used": server.most_used,
            "projected": present.projected(),
            "longer_than_300_s": server.long,
            "hidden": server.hidden,
        }
        content["connections"] = [_connection(row, sql=sql) for row in rows]
    if file is not None:
        content["file"] = {"name": file.path, "size": file.size, "wal": file.wal, "version": file.version}
    return content


def _connection(row: Listed, *, sql: bool) -> dict[str, Any]:
    found = row.connection
    shown = {
        "id": found.id,
        "process": row.process.name if row.process else "",
        "run": row.process.record if row.process else "",
        "user": found.user,
        "host": found.host,
        "database": found.database,
        "command": found.command,
        "seconds": found.seconds,
        "state": found.state,
        "waits_for": list(row.waits_for),
    }
    return {**shown, "sql": found.sql} if sql else shown


def _lines(now: Database, rows: list[Listed], content: Mapping[str, Any], *, sql: bool) -> list[str]:
    server, file = now.server, now.file
    if server is None:
        sizes = f" {file.path}: {file.size / 1e6:.1f} MB, write-ahead log {file.wal / 1e6:.1f} MB." if file else ""
        told = [f"  {p.name:32} {p.connections or 0:4} open, {p.busy_waits or 0} waits" for p in now.processes]
        return [
            f"SQLite has no pool and no process list: made for one machine.{sizes}",
            f"{now.open} connections open, {now.busy_waits} waits for the write lock.",
            *told,
        ]
    lines = [
        f"{server.version}: {server.connected} of {server.limit} connections, most at once {server.most_used},"
        f" at most {content['server']['projected']} with the present settings."
    ]
    if server.hidden:
        lines.append(f"{server.hidden} of other logins are not shown: this login has no privilege PROCESS.")
    lines += [
        f"pool of {pool.process.name}: {pool.in_use}/{pool.size} + {pool.overflow}/{pool.most_overflow},"
        f" waits {pool.waits} (longest {pool.longest_ms} ms, in vain {pool.timeouts})"
        for pool in now.pools
    ]
    if not rows:
        return [*lines, "No connection has been in its state for so long."]
    lines.append(f"{'id':>8} {'process':28} {'command':10} {'time':>7} {'run':20} state")
    for row in rows:
        found, process = row.connection, row.process
        name = process.name if process else f"{found.user}@{found.host}"
        state = f"waits for a lock of {', '.join(map(str, row.waits_for))}" if row.waits_for else found.state
        run = process.record if process else ""
        mark = " !" if found.long else ""
        lines.append(f"{found.id:>8} {name:28.28} {found.command:10.10} {found.seconds:>5} s {run:20.20} {state}{mark}")
        if sql and found.sql:
            lines.append(f"{'':9}{found.sql}")
    return lines
