"""When there is no connection left: of the pool, or of the server. No driver and no pool is imported here."""

from __future__ import annotations

from django.db import OperationalError

#: Numbers of MySQL's errors: too many connections, of the server and of one login.
_SERVER_FULL = frozenset({1040, 1203, 1226})


class PoolExhausted(OperationalError):
    """Every connection of the pool was in use for longer than a request may wait."""


def server_is_full(error: BaseException) -> bool:
    """Whether the server refused a connection because it has too many."""
    return isinstance(error, OperationalError) and bool(error.args) and error.args[0] in _SERVER_FULL
