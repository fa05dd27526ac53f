"""The only writer of location rows (``storage.areas`` creates them), one module per kind of command.

Every command runs in the caller's transaction (it refuses to run without one), writes nothing but its own columns, and
leaves a journal entry. Commands that can make a location eligible mark it (``match_wanted_at``); after the commit the
caller passes its id to ``storage.matching.match``, and the sweep does so if the caller died.

Times are the database's. Refusals are ``StorageError``; ordinary outcomes are values.
"""

from __future__ import annotations

from storage.locations.attributes import public, read_attribute, set_attribute
from storage.locations.goods import change, empty, fill, set_content, set_tags
from storage.locations.locks import (
    Freed,
    Locked,
    consume_reservation,
    force_unlock,
    lock,
    mark_matched,
    release_held_by,
    release_reserved,
    take,
    unlock,
)
from storage.locations.many import Bulk, for_each, set_many
from storage.locations.rows import LocationState, read
from storage.locations.use import disable, enable, enable_due, set_sync_failed

__all__ = [
    "Bulk",
    "Freed",
    "LocationState",
    "Locked",
    "change",
    "consume_reservation",
    "disable",
    "empty",
    "enable",
    "enable_due",
    "fill",
    "for_each",
    "force_unlock",
    "lock",
    "mark_matched",
    "public",
    "read",
    "read_attribute",
    "release_held_by",
    "release_reserved",
    "set_attribute",
    "set_content",
    "set_many",
    "set_sync_failed",
    "set_tags",
    "take",
    "unlock",
]  # fmt: skip
