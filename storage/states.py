"""The vocabulary of the storage package: types, request states, journal actions, with labels and tones.

Tones are names of the console's visual language; this module knows no stylesheet.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from django.db import models
from django.utils.translation import gettext_lazy as _


class LocationType(models.IntegerChoices):
    """Where a location comes from."""

    LOGICAL = 0, _("Logical")
    PHYSICAL = 1, _("Physical")


class RequestKind(models.TextChoices):
    """What a request waits for.

    ``find``: any location that fits the criteria. ``lane``: the reachable location of a dense lane. ``lock``: one named
    location. ``released``: that one named location has no other holder any more.
    """

    FIND = "find", _("Find")
    LANE = "lane", _("Find in a lane")
    LOCK = "lock", _("Lock")
    RELEASED = "released", _("Release")


class RequestState(models.TextChoices):
    """Life of a request; ``TRANSITIONS`` says which way it goes."""

    PENDING = "pending", _("Pending")
    GRANTED = "granted", _("Granted")
    COMPLETED = "completed", _("Completed")
    EXPIRED = "expired", _("Expired")
    CANCELLED = "cancelled", _("Cancelled")


#: A granted request returns to pending when its location was taken away before the run consumed it.
TRANSITIONS: Mapping[RequestState, tuple[RequestState, ...]] = MappingProxyType(
    {
        RequestState.PENDING: (
            RequestState.GRANTED,
            RequestState.COMPLETED,
            RequestState.EXPIRED,
            RequestState.CANCELLED,
        ),
        RequestState.GRANTED: (RequestState.COMPLETED, RequestState.PENDING, RequestState.CANCELLED),
        RequestState.COMPLETED: (),
        RequestState.EXPIRED: (),
        RequestState.CANCELLED: (),
    }
)

#: Live requests: they mean something to a run.
LIVE = (RequestState.PENDING, RequestState.GRANTED)
#: Ended requests: kept for a while to be looked at, then pruned.
ENDED = (RequestState.COMPLETED, RequestState.EXPIRED, RequestState.CANCELLED)

REQUEST_TONES: Mapping[RequestState, str] = MappingProxyType(
    {
        RequestState.PENDING: "wait",
        RequestState.GRANTED: "active",
        RequestState.COMPLETED: "good",
        RequestState.EXPIRED: "bad",
        RequestState.CANCELLED: "off",
    }
)


class LocationAction(models.TextChoices):
    """Codes of the journal. ``before`` and ``after`` hold the value of the column that the action writes."""

    CREATED = "created", _("Created")
    LOCKED = "locked", _("Locked")
    GRANTED = "granted", _("Locked for a waiting run")
    UNLOCKED = "unlocked", _("Unlocked")
    FORCED = "forced", _("Unlocked by force")
    RELEASED = "released", _("Released at the end of the run")
    FILLED = "filled", _("Filled")
    EMPTIED = "emptied", _("Emptied")
    CONTENT = "content", _("Content changed")
    TAGS = "tags", _("Tags changed")
    DISABLED = "disabled", _("Disabled")
    ENABLED = "enabled", _("Enabled")
    SYNC = "sync", _("Sensor state changed")
    ATTRIBUTE = "attribute", _("Attribute changed")
