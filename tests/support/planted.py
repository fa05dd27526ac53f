"""Settings and an application with a planted leak: every PrintBp keeps 1 KB in a list of this module for ever.

``DJANGO_SETTINGS_MODULE=tests.support.planted`` for a process under test; the product knows nothing of it.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

from django.apps import AppConfig

from vwed.settings import *  # noqa: F403
from vwed.settings import INSTALLED_APPS as _APPLICATIONS

LEAK_BYTES = 1024
INSTALLED_APPS = [*_APPLICATIONS, "tests.support.planted.PlantedLeak"]
KEPT: list[bytes] = []


class PlantedLeak(AppConfig):
    """Puts the leaking handler in the place of PrintBp's."""

    name = "tests.support"
    label = "planted"

    def ready(self) -> None:
        """Load the handlers, then wrap one of them."""
        from execution import handlers
        from execution.registry import REGISTRY

        handlers.load()
        spec = REGISTRY.get("PrintBp")
        assert spec is not None
        REGISTRY._specs["PrintBp"] = dataclasses.replace(spec, handler=_leaking(spec.handler))


def _leaking(handler: Any) -> Any:
    @functools.wraps(handler)
    def leak(run: Any, params: Any) -> Any:
        KEPT.append(bytes(LEAK_BYTES))
        return handler(run, params)

    return leak
