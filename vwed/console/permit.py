"""Permission at the door of every action: a refused attempt is an audit entry, then 403."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from scheduler import audit


def require(request: HttpRequest, permission: str, *, action: str, object_type: str, object_id: str) -> None:
    """Return when the user has ``permission`` (``app.codename``).

    Raises:
        PermissionDenied: after the attempt was written to the audit log, unless it only wanted to look.
    """
    if request.user.has_perm(permission):
        return
    if request.method == "POST":
        audit.record(
            actor=request.user.get_username(),
            action=action,
            object_type=object_type,
            object_id=object_id,
            origin="page",
            refused=True,
        )
    raise PermissionDenied


def require_view(request: HttpRequest, permission: str) -> None:
    """Return when the user may see the page.

    Raises:
        PermissionDenied: otherwise.
    """
    if not request.user.has_perm(permission):
        raise PermissionDenied
