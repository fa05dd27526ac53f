"""What is wrong with this installation, in words, each finding with its remedy. Changes nothing."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import redis
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import checks
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from scheduler import clock
from scheduler.models import ProcessRow
from vwed.tuning import facts, rules, stored
from vwed.tuning.projection import connection_sum

ERROR, NOTE, OK = "error", "note", "ok"
#: Older heartbeats belong to processes that are gone.
BEAT_FRESH_S = 15
_MIGRATE = "Run  .venv/bin/python manage.py migrate  (make run does it by itself)."


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``level``: ``error`` is to be repaired, ``note`` good to know, ``ok`` fine."""

    level: str
    code: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


def explain_database_error(error: DatabaseError) -> Finding:
    """The finding behind an error that a query raised."""
    trouble = [finding for finding in database() if finding.level == ERROR]
    return trouble[0] if trouble else Finding(ERROR, "database_error", f"The database refused: {error}.", "")


def pending_migrations() -> list[str]:
    """Names of the migrations that are not applied.

    Raises:
        DatabaseError: the database cannot be asked.
    """
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]


def database() -> Iterator[Finding]:
    """Reachable, migrated, and in the mode that the cluster needs."""
    name = connection.settings_dict["NAME"]
    where = name if connection.vendor == "sqlite" else f"{connection.settings_dict['HOST'] or 'localhost'}/{name}"
    try:
        connection.ensure_connection()
        pending = pending_migrations()
    except DatabaseError as error:
        remedy = "Check DATABASE_URL and that the server is running and lets this user in."
        if connection.vendor == "sqlite":
            remedy = "Check DATABASE_URL and that its directory exists and can be written."
        yield Finding(ERROR, "database_unreachable", f"The database {where} does not answer: {error}.", remedy)
        return
    yield Finding(OK, "database", f"The database {where} ({connection.vendor}) answers.")
    if pending:
        missing = f"{len(pending)} migration{'s' if len(pending) > 1 else ''} missing, the first is {pending[0]}"
        yield Finding(ERROR, "not_migrated", f"The database is not migrated: {missing}.", _MIGRATE)
    else:
        yield Finding(OK, "migrations", "All migrations are applied.")
    yield from (_sqlite_mode if connection.vendor == "sqlite" else _mysql_mode)()
    if not pending:
        yield from tunables()


def _sqlite_mode() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        mode = cursor.execute("PRAGMA journal_mode").fetchone()[0]
    if mode == "wal":
        yield Finding(OK, "sqlite_mode", "SQLite writes ahead (WAL): readers do not wait for writers.")
    else:
        yield Finding(
            ERROR,
            "sqlite_mode",
            f"SQLite's journal mode is {mode}, not wal.",
            "Put the file on a local disk: network file systems cannot do it.",
        )


def _mysql_mode() -> Iterator[Finding]:
    names = ("transaction_isolation", "tx_isolation", "sql_mode", "max_connections", "wait_timeout", "version")
    with connection.cursor() as cursor:
        marks = ", ".join(["%s"] * len(names))
        cursor.execute(f"SHOW VARIABLES WHERE Variable_name IN ({marks})", names)
        found = dict(cursor.fetchall())
    isolation = found.get("transaction_isolation") or found.get("tx_isolation", "")
    if isolation != "READ-COMMITTED":
        remedy = "Leave the isolation level to the project: take it out of DATABASE_URL."
        yield Finding(ERROR, "isolation", f"Transactions are isolated as {isolation}, not READ-COMMITTED.", remedy)
    if "STRICT_TRANS_TABLES" not in found.get("sql_mode", ""):
        remedy = "Leave sql_mode to the project: take it out of DATABASE_URL."
        yield Finding(ERROR, "sql_mode", "The server cuts values that are too long instead of refusing them.", remedy)
    age = connection.settings_dict["CONN_MAX_AGE"]
    if age is None or int(found["wait_timeout"]) <= age:
        message = f"The server drops idle connections after {found['wait_timeout']} s, before we renew them ({age} s)."
        yield Finding(ERROR, "wait_timeout", message, f"Set wait_timeout above {age or 3600} on the server.")
    yield Finding(OK, "server", f"Server version {found.get('version', 'unknown')}.")


def tunables() -> Iterator[Finding]:
    """The settings beside the server and each other: the same sums and rules as on their page."""
    values, figures = stored.as_values(stored.overrides()), facts.read()
    faults = rules.check(values, figures)
    for name, words in faults.items():
        code = "max_connections" if name == "pool_size" else "setting"
        remedy = f"Change it:  manage.py tune set {name} VALUE --reason …"
        if code == "max_connections":
            remedy = "Raise max_connections on the server, or make the pool smaller (manage.py tune set pool_size …)."
        yield Finding(ERROR, code, f"{name}: {' '.join(words)}", remedy)
    total = connection_sum(values, figures).total
    if not faults and figures.max_connections is not None:
        yield Finding(OK, "connections", f"At most {total} of {figures.max_connections} connections are needed.")


def configuration() -> Iterator[Finding]:
    """Django's own checks and what they do not know."""
    for message in checks.run_checks():
        level = ERROR if message.level >= checks.ERROR else NOTE
        yield Finding(level, message.id or "check", str(message.msg), str(message.hint or ""))
    if len(settings.SECRET_KEY) < 32:
        remedy = "Take SECRET_KEY out of the environment (one is made by itself) or set a longer one."
        yield Finding(ERROR, "secret_key", "The secret key is shorter than 32 characters.", remedy)
    if settings.DEBUG:
        yield Finding(NOTE, "debug", "DEBUG is on: errors show internals to anybody.", "Set DEBUG=false in production.")
    stale = [
        path.name
        for path in Path(settings.BASE_DIR, "locale").rglob("*.po")
        if not path.with_suffix(".mo").is_file() or path.with_suffix(".mo").stat().st_mtime < path.stat().st_mtime
    ]
    if stale:
        yield Finding(ERROR, "catalogues", "The translations are not compiled.", "Run  make setup.")
    yield Finding(OK, "configuration", "The configuration was checked.")


def cluster() -> Iterator[Finding]:
    """Time-outs that belong together, and whether anybody works."""
    options = settings.Q_CLUSTER
    timeout, retry = options.get("timeout"), options.get("retry")
    if not isinstance(timeout, int) or not isinstance(retry, int) or timeout >= retry:
        message = f"The cluster's timeout ({timeout}) must be a whole number below retry ({retry})."
        yield Finding(ERROR, "cluster_timeouts", message, "A run would be started twice. Set retry above timeout.")
    if options.get("guard_cycle") != 0.5:
        message = f"guard_cycle is {options.get('guard_cycle')}; hard time-outs only work with 0.5."
        yield Finding(ERROR, "guard_cycle", message, "Set guard_cycle to 0.5.")
    fresh = clock.now().timestamp() - BEAT_FRESH_S
    roles = {row.role for row in ProcessRow.objects.filter(ended_at=None) if row.beat_at.timestamp() >= fresh}
    if "worker" in roles:
        yield Finding(OK, "cluster", "A cluster is running.")
    else:
        remedy = "manage.py console starts web and cluster; manage.py cluster starts a cluster alone."
        yield Finding(NOTE, "no_cluster", "No cluster is running: runs stay ready.", remedy)


def fleet() -> Iterator[Finding]:
    """Whether the fleet answers."""
    url = settings.FLEET_URL.rstrip("/")
    try:
        answer = httpx.get(f"{url}/robotsStatus", timeout=3)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        remedy = "Start the fleet or set FLEET_URL; manage.py fleet_simulator speaks its API without robots."
        yield Finding(ERROR, "no_fleet", f"No fleet answers at {url}: {error}.", remedy)
        return
    if answer.status_code != httpx.codes.OK:
        message = f"What answers at {url} is not a fleet (HTTP {answer.status_code} for /robotsStatus)."
        yield Finding(ERROR, "not_a_fleet", message, "Check FLEET_URL.")
        return
    yield Finding(OK, "fleet", f"The fleet at {url} answers.")


def redis_server() -> Iterator[Finding]:
    """Needed as soon as there is more than one host."""
    if not settings.REDIS_URL:
        yield Finding(NOTE, "no_redis", "Without Redis: right for one host.", "Set REDIS_URL for several hosts.")
        return
    try:
        library: Any = redis.Redis  # its types are incomplete
        with library.from_url(settings.REDIS_URL, socket_timeout=3, socket_connect_timeout=3) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        remedy = "Start Redis, or take REDIS_URL out of the environment on a single host."
        yield Finding(ERROR, "no_redis", f"Redis does not answer at REDIS_URL: {error}.", remedy)
        return
    yield Finding(OK, "redis", "Redis answers.")


def people() -> Iterator[Finding]:
    """Whether somebody can log in."""
    if get_user_model().objects.filter(is_superuser=True, is_active=True).exists():
        yield Finding(OK, "administrator", "There is an administrator.")
    else:
        remedy = "manage.py console makes the first one and shows its password once."
        yield Finding(NOTE, "no_administrator", "Nobody can log in yet.", remedy)


def port_taken(port: int, host: str = "127.0.0.1") -> Finding | None:
    """A finding when something listens on ``port`` already."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            message = f"Port {port} on {host} cannot be used: {error.strerror}."
            return Finding(
                ERROR, "port_taken", message, f"Stop what uses it, or choose another port: --port {port + 1}."
            )
    return None


def port(number: int) -> Iterator[Finding]:
    """Whether the console could listen."""
    taken = port_taken(number)
    yield (
        Finding(NOTE, taken.code, taken.message, "Fine when it is this console that is running. " + taken.remedy)
        if taken
        else Finding(OK, "port", f"Port {number} is free.")
    )


def examine(console_port: int) -> list[Finding]:
    """Everything; what needs the database is left out when that is unusable."""
    findings = [*configuration_safely(), *database()]
    usable = not any(finding.code in {"database_unreachable", "not_migrated"} for finding in findings)
    parts: list[Callable[[], Iterator[Finding]]] = [cluster, people] if usable else []
    parts += [fleet, redis_server, partial(port, console_port)]
    for part in parts:
        findings.extend(part())
    return findings


def configuration_safely() -> Iterator[Finding]:
    """``configuration``; a check that needs the database must not hide the finding about the database."""
    try:
        yield from configuration()
    except DatabaseError as error:
        yield Finding(NOTE, "configuration", f"Not every check could be made: {error}.", "Repair the database first.")
