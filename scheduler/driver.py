"""Statements of the hot paths through the driver: what every run of a plant pays must not be what the ORM costs.

For these few only; everything else goes through the ORM.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, models

_PLAIN = (models.CharField, models.TextField, models.BooleanField, models.IntegerField, models.DateTimeField)


def insert(row: models.Model) -> None:
    """Insert a new row and give it its key: ``save(force_insert=True)`` at half the cost, without its signals.

    Raises:
        TypeError: the model has a column whose values need more than the driver.
        django.db.IntegrityError: a unique column has that value already.
    """
    here = connections[DEFAULT_DB_ALIAS]
    sql, attributes = _statement(type(row), here.vendor)
    adapt = here.ops.adapt_datetimefield_value
    given = row.__dict__
    values = [given[name] for name in attributes]
    with here.cursor() as cursor:
        cursor.execute(sql, [adapt(value) if isinstance(value, datetime) else value for value in values])
        row.pk = cursor.lastrowid
    row._state.adding, row._state.db = False, here.alias


def update(model: type[models.Model], key: int, columns: Mapping[str, Any]) -> bool:
    """Write columns of one row; whether it is there. For what every process does every two seconds."""
    here = connections[DEFAULT_DB_ALIAS]
    adapt, quote = here.ops.adapt_datetimefield_value, here.ops.quote_name
    places = ", ".join(f"{quote(name)} = %s" for name in columns)
    sql = f"UPDATE {quote(model._meta.db_table)} SET {places} WHERE id = %s"  # noqa: S608 - names are ours
    values = [adapt(value) if isinstance(value, datetime) else value for value in columns.values()]
    with here.cursor() as cursor:
        cursor.execute(sql, [*values, key])
        return bool(cursor.rowcount)


@lru_cache(maxsize=8)
def _statement(model: type[models.Model], vendor: str) -> tuple[str, tuple[str, ...]]:
    """The INSERT of all columns but the key, and the attributes that fill them."""
    ops, meta = connections[DEFAULT_DB_ALIAS].ops, model._meta
    fields = [field for field in meta.concrete_fields if not field.primary_key]
    for field in fields:
        if not isinstance(getattr(field, "target_field", field), _PLAIN):
            raise TypeError(f"{meta.label}.{field.name} cannot be written through the driver")
    names = ", ".join(ops.quote_name(str(field.column)) for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    sql = f"INSERT INTO {ops.quote_name(meta.db_table)} ({names}) VALUES ({marks})"  # noqa: S608 - names are ours
    return sql, tuple(field.attname for field in fields)
