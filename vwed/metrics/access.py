"""Who may read the metrics: whoever has the token; people who may see processes; without a token, this machine."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

VIEW = "scheduler.view_processrow"
#: A proxy says with one of these that the request came from further away.
_FORWARDED = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via")


def may_read(request: HttpRequest) -> bool:
    """Whether the request shows the token (``METRICS_TOKEN``), comes from this machine, or from somebody who may."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and settings.METRICS_TOKEN:
        return constant_time_compare(given.strip(), settings.METRICS_TOKEN)
    if not settings.METRICS_TOKEN and is_local(request):
        return True
    user = getattr(request, "user", None)  # reading it asks the database only when there is a session
    return user is not None and user.is_active and user.is_staff and user.has_perm(VIEW)


def is_local(request: HttpRequest) -> bool:
    """Whether it came from this machine itself, not through a proxy on it."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
