"""One wait for a location, and the lanes it waits for.

Rows are written by ``storage.requests`` and nobody else. ``wait_key`` and ``fair_key`` are NULL unless the request is
pending, which makes their indexes hold waiting requests only (MariaDB has no partial indexes).
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from storage.models.fields import ExactCharField
from storage.states import RequestKind, RequestState


class StorageRequest(models.Model):
    """A run's branch that waits until it can take, see or free a location."""

    key = ExactCharField(max_length=191, unique=True, help_text="Given by the caller; names the wait.")
    holder = ExactCharField(max_length=128, help_text="Who waits and is woken: a record id.")
    lock_for = ExactCharField(max_length=128, help_text="Whose name the lock gets.")
    kind = models.CharField(max_length=8, choices=RequestKind.choices)
    state = models.CharField(max_length=9, choices=RequestState.choices, default=RequestState.PENDING)

    # Criteria of a search; NULL means "not asked for".
    site_id = ExactCharField(max_length=128, null=True, blank=True)
    group_name = ExactCharField(max_length=128, null=True, blank=True)
    filled = models.BooleanField(null=True, blank=True)
    content = ExactCharField(max_length=255, null=True, blank=True)
    type = models.SmallIntegerField(null=True, blank=True)
    locked = models.BooleanField(null=True, blank=True, default=False)
    #: The groups of a lane request, in the order in which they are tried.
    lane_groups = models.JSONField(null=True, blank=True, editable=False)

    lock = models.BooleanField(default=False)
    fair = models.BooleanField(default=False)
    descending = models.BooleanField(default=False)
    priority = models.IntegerField(default=0)
    #: Priority first, age second, as one number: smaller is served earlier.
    rank = models.BigIntegerField()
    wait_key = models.CharField(max_length=32, null=True, editable=False)  # noqa: DJ001
    fair_key = models.CharField(max_length=32, null=True, editable=False)  # noqa: DJ001

    first_at = models.DateTimeField(help_text="Begin of the wait.")
    retry_period_ms = models.PositiveIntegerField()
    max_retries = models.PositiveBigIntegerField(null=True, blank=True, help_text="Empty for endless.")
    deadline = models.DateTimeField(null=True, blank=True)

    #: When somebody has to look at this row again: pending - deadline; granted - wake repair; ended - when it ended.
    due_at = models.DateTimeField(null=True, editable=False)
    #: See ``StorageLocation.match_wanted_at``.
    match_wanted_at = models.DateTimeField(null=True, editable=False)
    granted_at = models.DateTimeField(null=True, blank=True)
    granted_site = ExactCharField(max_length=128, blank=True, default="")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_reason = models.CharField(max_length=255, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("storage request")
        verbose_name_plural = _("storage requests")
        ordering = ("rank", "id")
        indexes = (
            models.Index(fields=("wait_key", "rank", "id"), name="storage_req_wait"),
            models.Index(fields=("fair_key", "rank", "id"), name="storage_req_fair"),
            models.Index(fields=("state", "due_at"), name="storage_req_due"),
            models.Index(fields=("holder", "state"), name="storage_req_holder"),
            models.Index(fields=("lock_for", "wait_key"), name="storage_req_lock_for"),
            models.Index(fields=("match_wanted_at",), name="storage_req_match"),
        )
        constraints = (
            models.CheckConstraint(
                name="storage_req_pending",
                condition=Q(state=RequestState.PENDING, wait_key__isnull=False)
                | (~Q(state=RequestState.PENDING) & Q(wait_key__isnull=True, fair_key__isnull=True)),
            ),
            models.CheckConstraint(
                name="storage_req_granted",
                condition=~Q(state=RequestState.GRANTED) | (Q(granted_at__isnull=False) & ~Q(granted_site="")),
            ),
            models.CheckConstraint(
                name="storage_req_ended",
                condition=Q(state__in=(RequestState.PENDING, RequestState.GRANTED), ended_at__isnull=True)
                | (~Q(state__in=(RequestState.PENDING, RequestState.GRANTED)) & Q(ended_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="storage_req_site",
                condition=Q(kind__in=(RequestKind.FIND, RequestKind.LANE)) | Q(site_id__isnull=False),
            ),
            models.CheckConstraint(name="storage_req_holder", condition=~Q(holder="") & ~Q(lock_for="")),
        )

    def __str__(self) -> str:
        return str(self.key)


class LaneWait(models.Model):
    """A group that a pending lane request names. The rows go when it is pending no more.

    A request that names several groups waits in several queues; these are the entries of the queues.
    """

    request = models.ForeignKey(StorageRequest, on_delete=models.DO_NOTHING, related_name="lane_waits")
    group_name = ExactCharField(max_length=128)
    #: What it wants of the lane, and of the direct locations of the group: see ``storage.criteria.lane_keys``.
    wants = models.CharField(max_length=32)
    wants_direct = models.CharField(max_length=32)
    rank = models.BigIntegerField()

    class Meta:
        default_permissions = ()
        indexes = (
            models.Index(fields=("group_name",), name="storage_lane_group"),
            models.Index(fields=("wants", "rank", "request"), name="storage_lane_wants"),
            models.Index(fields=("wants_direct", "rank", "request"), name="storage_lane_direct"),
        )

    def __str__(self) -> str:
        return f"{self.request_id} in {self.group_name}"
