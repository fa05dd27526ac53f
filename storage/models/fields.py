"""Column types with the same meaning on every database."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class ExactCharField(models.CharField):  # type: ignore[type-arg]
    """Text compared and ordered by code point.

    MySQL's default collations ignore case, so that ``a-1`` and ``A-1`` would be one location and one holder; SQLite's
    do not. The binary collation makes both behave alike.
    """

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        """Add the binary collation where the default one is not exact."""
        parameters: dict[str, Any] = super().db_parameters(connection)
        if connection.vendor == "mysql":
            parameters["collation"] = "utf8mb4_bin"
        return parameters
