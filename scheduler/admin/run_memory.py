"""What a person started a definition with last time, in their own session: a few definitions, small values only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

_KEY = "last_runs"
#: Definitions that are remembered, the last ones; characters of the values of one.
DEFINITIONS = 20
LENGTH = 4000


def remember(request: HttpRequest, pk: int, values: Mapping[str, Any]) -> None:
    """Keep the values; those that are too long are forgotten, not cut."""
    known = _known(request)
    known.pop(str(pk), None)
    if len(json.dumps(values, default=str)) <= LENGTH:
        known[str(pk)] = dict(values)
    while len(known) > DEFINITIONS:
        del known[next(iter(known))]
    request.session[_KEY] = known


def last_values(request: HttpRequest, pk: int) -> dict[str, Any]:
    """The values by field name, or nothing."""
    found = _known(request).get(str(pk))
    return found if isinstance(found, dict) else {}


def _known(request: HttpRequest) -> dict[str, Any]:
    known = request.session.get(_KEY)
    return dict(known) if isinstance(known, dict) else {}
