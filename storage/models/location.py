"""A storage location and its extension attributes.

Rows are written by ``storage.locations`` and nobody else. There is no ``locked`` column: a location is locked exactly
when it has a holder, so "locked without a holder" cannot be written down.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from storage.models.area import Area
from storage.models.fields import ExactCharField
from storage.states import LocationType


class StorageLocation(models.Model):
    """One place for one load."""

    site_id = ExactCharField(max_length=128, unique=True)
    name = models.CharField(max_length=128, blank=True, default="")
    area = models.ForeignKey(Area, on_delete=models.PROTECT, related_name="locations")
    group_name = ExactCharField(max_length=128, blank=True, default="", help_text="Storage group used by searches.")
    type = models.SmallIntegerField(choices=LocationType.choices, default=LocationType.LOGICAL)

    filled = models.BooleanField(default=False)
    content = ExactCharField(max_length=255, blank=True, default="", help_text="Goods code; empty for none.")
    tags = ExactCharField(max_length=255, blank=True, default="")

    locked_by = ExactCharField(max_length=128, blank=True, default="", help_text="Holder of the lock; empty for free.")
    locked_at = models.DateTimeField(null=True, blank=True)
    #: The granted request this lock was taken for, until its run consumes it. Unique: one grant per location, one
    #: location per grant.
    reservation = models.OneToOneField(
        "storage.StorageRequest",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.DO_NOTHING,
        related_name="reserved_location",
    )

    disabled = models.BooleanField(default=False)
    disabled_by = models.CharField(max_length=150, blank=True, default="")
    disabled_reason = models.CharField(max_length=255, blank=True, default="")
    disabled_until = models.DateTimeField(null=True, blank=True, help_text="Enabled again by itself at this time.")
    sync_failed = models.BooleanField(default=False, help_text="Sensor state unknown: not offered, not lockable.")

    fleet_holder = models.IntegerField(default=0, help_text="Reservation number set by the fleet; 0 for none.")
    agv_id = models.CharField(max_length=128, blank=True, default="")
    row = models.IntegerField(null=True, blank=True)
    column = models.IntegerField(null=True, blank=True)
    level = models.IntegerField(null=True, blank=True)
    depth = models.IntegerField(null=True, blank=True)
    no = models.CharField(max_length=64, blank=True, default="")

    rev = models.PositiveBigIntegerField(default=1, editable=False)
    changed_at = models.DateTimeField(db_default=Now(), editable=False)
    #: Set by every change that can make the location eligible, cleared by ``match()``: a crash between the commit and
    #: the match leaves it behind for the sweep.
    match_wanted_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("location")
        verbose_name_plural = _("locations")
        ordering = ("site_id",)
        indexes = (
            models.Index(fields=("group_name", "site_id"), name="storage_loc_group"),
            models.Index(fields=("content", "site_id"), name="storage_loc_content"),
            models.Index(fields=("locked_by", "site_id"), name="storage_loc_locked_by"),
            models.Index(fields=("disabled_until",), name="storage_loc_until"),
            models.Index(fields=("match_wanted_at",), name="storage_loc_match"),
        )
        constraints = (
            models.CheckConstraint(name="storage_loc_site_id", condition=~Q(site_id="")),
            models.CheckConstraint(
                name="storage_loc_lock",
                condition=Q(locked_by="", locked_at__isnull=True) | (~Q(locked_by="") & Q(locked_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="storage_loc_reservation", condition=Q(reservation__isnull=True) | ~Q(locked_by="")
            ),
            models.CheckConstraint(
                name="storage_loc_until", condition=Q(disabled_until__isnull=True) | Q(disabled=True)
            ),
        )

    def __str__(self) -> str:
        return str(self.site_id)


class LocationAttribute(models.Model):
    """A named extension value of a location."""

    location = models.ForeignKey(StorageLocation, on_delete=models.CASCADE, related_name="attributes")
    name = ExactCharField(max_length=128)
    value = ExactCharField(max_length=255, blank=True, default="")

    class Meta:
        verbose_name = _("location attribute")
        verbose_name_plural = _("location attributes")
        ordering = ("name",)
        indexes = (models.Index(fields=("name", "value"), name="storage_attr_value"),)
        constraints = (models.UniqueConstraint(fields=("location", "name"), name="storage_attr_name"),)

    def __str__(self) -> str:
        return f"{self.name}={self.value}"
