"""The journal of locations: append-only, pruned by ``storage.retention``."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from storage.models.fields import ExactCharField
from storage.states import LocationAction


class LocationEvent(models.Model):
    """One change of one location.

    Names its location by text, not by a foreign key: the journal outlives the location.
    """

    at = models.DateTimeField(db_default=Now(), editable=False)
    site_id = ExactCharField(max_length=128)
    action = models.CharField(max_length=16, choices=LocationAction.choices)
    holder = ExactCharField(max_length=128, blank=True, default="", help_text="Holder of the lock after the change.")
    actor = models.CharField(max_length=150, blank=True, default="", help_text="Who did it: a record id or a person.")
    before = models.CharField(max_length=255, blank=True, default="")
    after = models.CharField(max_length=255, blank=True, default="")
    reason = models.CharField(max_length=255, blank=True, default="")

    class Meta:
        verbose_name = _("location event")
        verbose_name_plural = _("location events")
        ordering = ("-id",)
        indexes = (models.Index(fields=("site_id", "id"), name="storage_event_site"),)

    def __str__(self) -> str:
        return f"{self.site_id} {self.action}"
