"""Writing what a checkpoint brings: state, block records, log lines, waits, effects. In bulk, through the driver.

The ORM's ``bulk_create`` costs more than the database does (requirement P2), so the rows of a run go through
``executemany``. Every writer here runs in the caller's transaction, after its fencing update.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from execution.outcome import BlockRow, EffectRow, Forgotten, LogRow, Snapshot, WaitRow
from scheduler import clock
from scheduler.models import BlockRecord, Effect, JournalEntry, LogLine, RunState, Wait
from scheduler.states import EffectStatus

_BLOCKS = (
    *("record_id", "attempt", "seq", "name", "block_type", "path", "iteration"),
    *("code", "started_ms", "ended_ms", "params", "outputs", "reason"),
)
#: What can change between two writes of the same block execution.
_BLOCK_CHANGES = ("code", "ended_ms", "params", "outputs", "reason")
_LOGS = ("record_id", "at_ms", "level", "block", "code", "args")
_WAITS = ("record_id", "branch", "block", "key", "code", "args", "since_ms", "due_ms", "deadline_ms")
_EFFECTS = (
    *("key", "record_id", "kind", "target", "operation", "order_id", "block", "request", "status", "attempts"),
    *("due_at", "owner", "result", "created_at"),
)
_JOURNAL = ("record_id", "at", "from_status", "to_status", "attempt", "actor", "reason")
#: Characters of one INSERT on MariaDB; far below any server's ``max_allowed_packet``.
_STATEMENT_SIZE = 1 << 20
#: Rows of one INSERT on SQLite: with 14 columns just below the 999 values that any of its versions allows.
_ROWS_AT_ONCE = 70


def save(pk: int, attempt: int, snapshot: Snapshot) -> None:
    """Write everything of ``snapshot`` but the record's own columns and the state."""
    if snapshot.blocks:
        save_blocks(pk, attempt, snapshot.blocks)
    if snapshot.logs:
        save_logs(pk, snapshot.logs)
    if snapshot.logs_kept is not None:
        shorten_log(pk, snapshot.logs_kept)
    if snapshot.effects:
        save_effects(pk, snapshot.effects)
    if snapshot.forget:
        forget_blocks(pk, attempt, snapshot.forget)


def save_blocks(pk: int, attempt: int, blocks: Iterable[BlockRow]) -> None:
    """Insert block records; those that are there already are updated."""
    sql = _insert(
        BlockRecord._meta.db_table, _BLOCKS, ("record_id", "attempt", "seq"), _BLOCK_CHANGES, connection.vendor
    )
    # Texts are cut to their columns: a name that is too long must not end a run.
    _many(
        sql,
        [
            (
                pk,
                attempt,
                seq,
                name[:190],
                kind[:64],
                path[:1000],
                turn[:190],
                code,
                begun,
                ended,
                given,
                out,
                why[:1000],
            )
            for seq, name, kind, path, turn, code, begun, ended, given, out, why in blocks
        ],
    )


def forget_blocks(pk: int, attempt: int, forgotten: Iterable[Forgotten]) -> None:
    """Delete block records that have ended: one statement for each range, on the index that makes them unique."""
    where = "record_id = %s AND attempt = %s AND seq BETWEEN %s AND %s AND ended_ms IS NOT NULL"
    delete = f"DELETE FROM {BlockRecord._meta.db_table} WHERE {where}"  # noqa: S608 - our names
    # Names that differ only in case are different blocks, and may hold any character: no LIKE, no loose collation.
    begins = "CAST(SUBSTR({}, 1, %s) AS BINARY) = CAST(%s AS BINARY)"
    if connection.vendor != "mysql":
        begins = "SUBSTR({}, 1, %s) = %s"
    with connection.cursor() as cursor:
        for first, last, path, iteration in forgotten:
            sql = delete
            values: list[Any] = [pk, attempt, first, last]
            for column, prefix in (("path", path and f"{path}/"), ("iteration", iteration and f"{iteration}.")):
                if prefix:
                    sql += f" AND {begins.format(column)}"
                    values += [len(prefix), prefix]
            if not path:
                sql += " AND iteration <> ''"
            cursor.execute(sql, values)


def save_logs(pk: int, lines: Iterable[LogRow]) -> None:
    """Append log lines."""
    sql = _insert(LogLine._meta.db_table, _LOGS, (), (), connection.vendor)
    _many(sql, [(pk, at, level, block[:190], code[:64], args) for at, level, block, code, args in lines])


def shorten_log(pk: int, kept: int) -> None:
    """Delete all but the newest ``kept`` lines of a run's log. Two statements, on the index of a run's lines."""
    table = LogLine._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM {table} WHERE record_id = %s ORDER BY id DESC LIMIT 1 OFFSET %s",  # noqa: S608 - our names
            [pk, kept],
        )
        last = cursor.fetchone()
        if last is not None:
            cursor.execute(f"DELETE FROM {table} WHERE record_id = %s AND id <= %s", [pk, *last])  # noqa: S608


def save_effects(pk: int, effects: Iterable[EffectRow]) -> None:
    """Insert effects that are not there yet: writing one twice is writing it once."""
    now = connection.ops.adapt_datetimefield_value(clock.now())
    _many(
        _insert(Effect._meta.db_table, _EFFECTS, ("key",), (), connection.vendor),
        [
            (
                *(effect.key, pk, effect.kind, effect.target),
                *(str(effect.request.get("operation", "")), str(effect.request.get("order_id", ""))),
                *(effect.block[:190], json.dumps(effect.request.get("body", {})), EffectStatus.PENDING.value, 0),
                *(now, "", "{}", now),
            )
            for effect in effects
        ],
    )


def save_state(pk: int, text: str) -> None:
    """Write the state of a run that goes on. What a person decided about the old one is used up."""
    columns = ("record_id", "text", "decision", "updated_at")
    sql = _insert(RunState._meta.db_table, columns, ("record_id",), columns[1:], connection.vendor)
    _many(sql, [(pk, text, "", connection.ops.adapt_datetimefield_value(clock.now()))])


def drop_state(pk: int) -> None:
    """Forget the state of a run that has ended."""
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {RunState._meta.db_table} WHERE record_id = %s", [pk])  # noqa: S608 - our name


def replace_waits(pk: int, waits: Sequence[WaitRow], *, had_waits: bool) -> None:
    """What the run waits for now. ``had_waits``: it may have old ones."""
    if had_waits:
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {Wait._meta.db_table} WHERE record_id = %s", [pk])  # noqa: S608 - our name
    _many(
        _insert(Wait._meta.db_table, _WAITS, (), (), connection.vendor),
        [
            (pk, w.branch[:190], w.block[:190], w.key, w.code, json.dumps(w.args), w.since_ms, w.due_ms, w.deadline_ms)
            for w in waits
        ],
    )


def save_journal(entries: Iterable[tuple[Any, ...]]) -> None:
    """Append journal entries: (record pk, from, to, attempt, actor, reason)."""
    now = connection.ops.adapt_datetimefield_value(clock.now())
    _many(
        _insert(JournalEntry._meta.db_table, _JOURNAL, (), (), connection.vendor),
        [(pk, now, old, new, attempt, actor[:150], why[:1000]) for pk, old, new, attempt, actor, why in entries],
    )


def _many(sql: str, rows: list[tuple[Any, ...]]) -> None:
    if not rows:
        return
    here = connections[DEFAULT_DB_ALIAS]
    if len(rows) > 1 and here.vendor == "sqlite" and here.in_atomic_block:
        _insert_many_at_once(here, sql, rows)
        return
    with here.cursor() as cursor:
        if len(rows) == 1:
            cursor.execute(sql, rows[0])
        elif here.vendor == "mysql":
            for statement in _literal_statements(sql, rows):
                cursor.execute(statement)
        else:
            cursor.executemany(sql, rows)


def _insert_many_at_once(here: BaseDatabaseWrapper, sql: str, rows: list[tuple[Any, ...]]) -> None:
    """Many rows in each statement: SQLite looks after the table's key sequence once a statement, not once a row.

    Past the cursor's wrapper, which would look through thousands of placeholders; the transaction holds the lock
    already, so there is nothing to wait for.
    """
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = rows[start : start + _ROWS_AT_ONCE]
        values = tuple(chain.from_iterable(part))
        if here.queries_logged or here.execute_wrappers:  # somebody wants to see every statement
            with here.cursor() as cursor:
                cursor.execute(_with_rows(sql, len(part), "%s"), values)
        else:
            with here.wrap_database_errors:
                here.connection.execute(_with_rows(sql, len(part), "?"), values)


@lru_cache(maxsize=128)
def _with_rows(sql: str, count: int, placeholder: str) -> str:
    """The INSERT for so many rows. ``sql`` has one row of ``%s``."""
    head, rest = sql.split("VALUES (", 1)
    row, tail = rest.split(")", 1)
    marks = f"({row.replace('%s', placeholder)})"
    return f"{head}VALUES {', '.join([marks] * count)}{tail}"


def _literal_statements(sql: str, rows: list[tuple[Any, ...]]) -> Iterator[str]:
    """The INSERT with all values in it, in pieces of bounded size. ``sql`` has one row of placeholders.

    Escaping is the driver's. Its own ``executemany`` looks up a converter for each of a run's thousands of values,
    which costs more than the server needs to store them.
    """
    head, tail = sql.split("VALUES (", 1)
    tail = tail.split(")", 1)[1]
    escape = connection.connection.escape_string
    parts: list[str] = []
    size = 0
    for row in rows:
        values = [
            f"'{escape(value).decode()}'" if isinstance(value, str) else "NULL" if value is None else repr(value)
            for value in row
        ]
        part = f"({','.join(values)})"
        parts.append(part)
        size += len(part)
        if size >= _STATEMENT_SIZE:
            yield f"{head}VALUES {','.join(parts)}{tail}"
            parts, size = [], 0
    if parts:
        yield f"{head}VALUES {','.join(parts)}{tail}"


@lru_cache(maxsize=32)
def _insert(
    table: str, columns: tuple[str, ...], conflict: tuple[str, ...], changes: tuple[str, ...], vendor: str
) -> str:
    """An INSERT; with ``conflict`` columns, an existing row keeps its place and takes ``changes`` (none: stays)."""
    quote = connection.ops.quote_name
    names = ", ".join(quote(name) for name in columns)
    sql = f"INSERT INTO {table} ({names}) VALUES ({', '.join(['%s'] * len(columns))})"  # noqa: S608 - names are ours
    if not conflict:
        return sql
    if vendor == "mysql":
        changed = [f"{quote(name)} = VALUES({quote(name)})" for name in changes] or [
            f"{quote(conflict[0])} = {quote(conflict[0])}"
        ]
        return f"{sql} ON DUPLICATE KEY UPDATE {', '.join(changed)}"
    target = ", ".join(quote(name) for name in conflict)
    changed = [f"{quote(name)} = excluded.{quote(name)}" for name in changes]
    return f"{sql} ON CONFLICT ({target}) DO " + (f"UPDATE SET {', '.join(changed)}" if changed else "NOTHING")
