"""A part of the warehouse, as it is drawn on the map."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from storage.models.fields import ExactCharField


class Area(models.Model):
    """One map area; locations belong to exactly one."""

    name = ExactCharField(max_length=128, unique=True)
    title = models.CharField(max_length=128, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("area")
        verbose_name_plural = _("areas")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.title or self.name
