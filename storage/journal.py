"""Writes journal rows; called by ``storage.locations`` in the same transaction as the change."""

from __future__ import annotations

from collections.abc import Iterable

from storage.models import LocationEvent
from storage.states import LocationAction

_TEXT = 255


def entry(
    site_id: str,
    action: LocationAction,
    *,
    actor: str,
    holder: str = "",
    before: object = "",
    after: object = "",
    reason: str = "",
) -> LocationEvent:
    """Build one unsaved entry; texts are cut to their columns, flags become 0 and 1."""
    return LocationEvent(
        site_id=site_id,
        action=action,
        holder=holder,
        actor=actor[:150],
        before=_text(before),
        after=_text(after),
        reason=reason[:_TEXT],
    )


def write(entries: Iterable[LocationEvent]) -> None:
    """Insert entries in one statement; the database sets their time."""
    LocationEvent.objects.bulk_create(entries)


def _text(value: object) -> str:
    return str(int(value) if isinstance(value, bool) else value)[:_TEXT]
