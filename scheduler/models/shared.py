"""What runs share: cached values, and events they publish."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from scheduler.models.record import TaskRecord
from storage.models.fields import ExactCharField


class CachedValue(models.Model):
    """A text that any run can read, write and clear by key. Survives restarts; bounded in number and size."""

    key = ExactCharField(_("key"), max_length=190, unique=True)
    value = models.TextField(_("value"), blank=True, default="")
    changed_at = models.DateTimeField(_("changed"))
    changed_by = models.CharField(_("changed by"), max_length=150, blank=True, default="")

    class Meta:
        verbose_name = _("cached value")
        verbose_name_plural = _("cached values")
        ordering = ("key",)

    def __str__(self) -> str:
        return str(self.key)


class TaskEvent(models.Model):
    """An event that a run published. Append-only, bounded."""

    record = models.ForeignKey(TaskRecord, on_delete=models.SET_NULL, null=True, related_name="events")
    at = models.DateTimeField(_("when"))
    name = models.CharField(_("event"), max_length=190)
    data = models.TextField(_("data"), blank=True, default="")

    class Meta:
        verbose_name = _("task event")
        verbose_name_plural = _("task events")
        indexes = (models.Index(fields=("name", "id"), name="event_name"),)

    def __str__(self) -> str:
        return f"{self.name} #{self.pk}"
