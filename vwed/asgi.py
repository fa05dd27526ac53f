"""Entry of the web process: pages, and the socket of the live panels."""

from __future__ import annotations

import os

# Before the settings are read: this process gets the connection pool (see ``vwed.databases``).
os.environ.setdefault("VWED_PROCESS", "web")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vwed.settings")

from django.core.asgi import get_asgi_application

_pages = get_asgi_application()

from vwed.routing import build  # noqa: E402 - needs the apps to be loaded

application = build(_pages)
