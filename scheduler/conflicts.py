"""What to do when the database takes a transaction back: a deadlock, a lock waited for too long, a lost connection."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, transaction

T = TypeVar("T")

#: MySQL's numbers for "deadlock" and "lock wait": the transaction is gone, nothing of it was kept.
_CONFLICTS = frozenset({1205, 1213})
#: ... and for "the connection is gone, or was refused".
_GONE = frozenset({0, 1040, 1053, 1927, 2002, 2003, 2006, 2013, 2055, 4031})
_TRIES = 5
_LONGEST_PAUSE_S = 0.02


def is_conflict(error: BaseException) -> bool:
    """Whether the same transaction may simply be tried again."""
    return isinstance(error, OperationalError) and bool(error.args) and error.args[0] in _CONFLICTS


def is_passing(error: BaseException) -> bool:
    """Whether a database error is over when the work is tried again later: a conflict, or a server that is away."""
    if isinstance(error, InterfaceError):
        return True
    number = error.args[0] if error.args else 0
    return isinstance(error, OperationalError) and (number in _CONFLICTS | _GONE or "locked" in str(error))


def retried(action: Callable[[], T]) -> T:
    """Do ``action`` in a transaction; after a conflict again, a few times. Inside the caller's transaction: once.

    Raises:
        OperationalError: it did not come through, or the caller's transaction is gone.
    """

    def in_transaction() -> T:
        with transaction.atomic():
            return action()

    return repeated(in_transaction)


def repeated(action: Callable[[], T]) -> T:
    """Do ``action``, which opens its own transactions and may be repeated; after a conflict again, a few times.

    Raises:
        OperationalError: as ``retried``.
    """
    connection = transaction.get_connection()
    for left in reversed(range(_TRIES)):
        try:
            return action()
        except OperationalError as error:
            if not left or connection.in_atomic_block or not is_conflict(error):
                raise
        time.sleep(random.uniform(0, _LONGEST_PAUSE_S))  # noqa: S311 - only spreads the next tries
    raise AssertionError("unreachable")
