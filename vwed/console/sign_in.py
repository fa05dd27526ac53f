"""Signing in, with a brake: a few wrong passwords, then a pause. Counted in the audit log, common to all processes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from unfold.forms import AuthenticationForm

from scheduler import audit, clock
from scheduler.models import AuditEntry
from vwed.console import formats

#: Wrong passwords per name and address within ``WINDOW``; then nothing is tried until the oldest is out of it.
ATTEMPTS = 5
WINDOW = timedelta(minutes=15)
_ACTION, _KIND = "sign_in", "login"


class SignInForm(AuthenticationForm):
    """Same words for an unknown name and a wrong password; too many of either and nobody is asked any more."""

    def clean(self) -> dict[str, Any]:
        """Refuse while the brake is on; count what is refused."""
        name = str(self.cleaned_data.get("username") or "")
        key = f"{name[:100]} {address(self.request)}"
        wait_s = _pause_s(key)
        if wait_s > 0:
            text = _("Too many attempts. Try again in %(d)s.") % {"d": formats.duration(wait_s)}
            raise ValidationError(text, code="throttled")
        try:
            cleaned: dict[str, Any] = super().clean()
        except ValidationError:
            if name:
                audit.record(actor=name, action=_ACTION, object_type=_KIND, object_id=key, origin="page", refused=True)
            raise
        return cleaned


def address(request: HttpRequest | None) -> str:
    """Where the request comes from; behind a proxy that is the proxy, and the brake is per name then."""
    return str(request.META.get("REMOTE_ADDR", "")) if request is not None else ""


def _pause_s(key: str) -> float:
    """Seconds until the next attempt is allowed; 0 for now. One query on (kind, object)."""
    now = clock.now()
    newest = AuditEntry.objects.filter(object_type=_KIND, object_id=key, refused=True).order_by("-id")
    times = list(newest.values_list("at", flat=True)[:ATTEMPTS])
    if len(times) < ATTEMPTS:
        return 0.0
    return max(0.0, (times[-1] + WINDOW - now).total_seconds())
