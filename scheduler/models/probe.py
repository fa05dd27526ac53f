"""Questions to a live process about its memory, and orders to it. They travel as rows: no signals, no ptrace."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Probe(models.Model):
    """One question to one process: asked on a page, answered by that process's housekeeper, kept for a day.

    ``kind``: ``collect`` (garbage), ``snapshot`` (histogram of types), ``trace`` (allocations by line for ``seconds``),
    ``map`` (largest mappings), ``stack`` (what its threads do). ``result`` is JSON, at most 256 KB.
    """

    process = models.CharField(max_length=48, db_index=True)
    kind = models.CharField(max_length=16)
    seconds = models.FloatField(default=0)
    state = models.CharField(max_length=16)
    asked_by = models.CharField(max_length=150)
    asked_at = models.DateTimeField(db_index=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=200, blank=True, default="")
    result = models.TextField(blank=True, default="")
    error = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        verbose_name = _("memory probe")
        verbose_name_plural = _("memory probes")
        indexes = (models.Index(fields=("state", "process"), name="probe_open"),)

    def __str__(self) -> str:
        return f"{self.kind} of {self.process}"
