"""What a new installation needs before somebody can log in: migrated tables and a first administrator."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import transaction

from scheduler import audit

ADMINISTRATOR = "admin"
#: No 0/o, 1/l/i: people type it from the screen.
_LETTERS = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_PASSWORD_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Administrator:
    """Who may log in. ``password`` is known only to the call that made it: it is stored nowhere in clear."""

    username: str
    password: str | None


def migrate() -> None:
    """Bring the database to the present tables; what is there stays."""
    call_command("migrate", interactive=False, verbosity=0)


def ensure_administrator() -> Administrator:
    """Make the first administrator, unless there is one; later calls never change it."""
    User = get_user_model()
    with transaction.atomic():
        existing = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
        if existing is not None:
            return Administrator(existing.get_username(), None)
        password = "".join(secrets.choice(_LETTERS) for _ in range(_PASSWORD_LENGTH))
        User.objects.create_superuser(ADMINISTRATOR, password=password)
        audit.record(
            actor="first start",
            action="create_administrator",
            object_type="user",
            object_id=ADMINISTRATOR,
            origin="service",
        )
    return Administrator(ADMINISTRATOR, password)
