"""Live processes: one heartbeat row each, with the newest sample; and the periodic services."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class ProcessRow(models.Model):
    """One process of the system. Written by its own housekeeper, or by the cluster main for those that fork."""

    name = models.CharField(_("process"), max_length=48, unique=True)
    role = models.CharField(_("role"), max_length=16)
    boot_id = models.CharField(_("cluster"), max_length=32, db_index=True)
    host = models.CharField(_("host"), max_length=128)
    pid = models.PositiveIntegerField()
    parent_pid = models.PositiveIntegerField(default=0)
    #: Of a worker, its place among the workers of its cluster, from 1; the successor of a recycled one sits there too.
    seat = models.PositiveSmallIntegerField(default=0)
    queues = models.CharField(max_length=500, blank=True, default="")
    started_at = models.DateTimeField()
    beat_at = models.DateTimeField(db_index=True)
    ended_at = models.DateTimeField(null=True)
    cause = models.CharField(max_length=200, blank=True, default="")
    draining = models.BooleanField(default=False)
    runs = models.PositiveBigIntegerField(default=0)
    current_record = models.CharField(max_length=128, blank=True, default="")
    current_block = models.CharField(max_length=190, blank=True, default="")
    current_since = models.DateTimeField(null=True)
    settings_version = models.BigIntegerField(default=0)
    #: rss, uss, pss, vms (bytes), threads, fds, cpu_percent, contexts, connections, pool {size,in_use,overflow,waits},
    #: background (see scheduler.background.Background.report)
    sample = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("process")
        verbose_name_plural = _("processes")
        permissions = (
            ("probe_processrow", "Can look into the memory of processes and recycle workers"),
            ("view_connection_sql", "Can see what database connections execute"),
            ("kill_connection", "Can kill database connections"),
        )

    def __str__(self) -> str:
        return self.name


class ServiceRow(models.Model):
    """One periodic service: when it ran last, what it did, when it runs next."""

    name = models.CharField(max_length=64, unique=True)
    owner = models.CharField(max_length=48, blank=True, default="")
    interval_s = models.FloatField()
    started_at = models.DateTimeField(null=True)
    duration_ms = models.FloatField(default=0)
    result = models.JSONField(default=dict)
    error = models.CharField(max_length=1000, blank=True, default="")
    runs = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name = _("periodic service")
        verbose_name_plural = _("periodic services")

    def __str__(self) -> str:
        return self.name
