"""What processes weighed and what the system did, over time: samples in three resolutions, and growth verdicts."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Resolution(models.IntegerChoices):
    """Seconds that one sample stands for."""

    FINE = 5, _("5 seconds")
    MINUTE = 60, _("1 minute")
    HOUR = 3600, _("1 hour")


class ProcessSeries(models.Model):
    """One line of a chart: a role on a host, for workers one seat. Outlives the processes that sat in it."""

    name = models.CharField(max_length=96, unique=True)
    role = models.CharField(max_length=16)
    host = models.CharField(max_length=128)
    seat = models.PositiveSmallIntegerField(default=0)
    last_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("process series")
        verbose_name_plural = _("process series")

    def __str__(self) -> str:
        return self.name


#: Most that a column of counts holds: PositiveSmallInteger on every database.
COUNT_LIMIT = 32_767


class ProcessSample(models.Model):
    """Figures of one series in one slot of time; of a coarse slot the means, with the least and most of its memory.

    Bytes and counts; ``cpu_percent`` of one core. ``pid``: who sat there at the end of the slot, so that a slope never
    spans a replacement. A figure that could not be read is ``NULL``, not 0. The columns are narrow:
    this is the largest table of an installation at rest. Counts are cut off at ``COUNT_LIMIT``.
    """

    series = models.ForeignKey(ProcessSeries, on_delete=models.CASCADE, db_constraint=False, db_index=False)
    resolution = models.PositiveSmallIntegerField(choices=Resolution.choices)
    #: Start of the slot, in seconds since the epoch on the database's clock.
    at_s = models.PositiveIntegerField()
    pid = models.PositiveIntegerField()
    rss = models.BigIntegerField(null=True)
    uss = models.BigIntegerField(null=True)
    pss = models.BigIntegerField(null=True)
    vms = models.BigIntegerField(null=True)
    #: Of PSS, or of what stands for it (USS, RSS) where the kernel does not tell.
    least = models.BigIntegerField(null=True)
    most = models.BigIntegerField(null=True)
    cpu_percent = models.FloatField(null=True)
    threads = models.PositiveSmallIntegerField(null=True)
    fds = models.PositiveSmallIntegerField(null=True)
    contexts = models.PositiveSmallIntegerField(null=True)
    background = models.PositiveSmallIntegerField(null=True)
    asyncio_tasks = models.PositiveSmallIntegerField(null=True)
    connections = models.PositiveSmallIntegerField(null=True)
    blocks = models.PositiveIntegerField(null=True)
    runs = models.PositiveIntegerField(null=True)

    class Meta:
        verbose_name = _("process sample")
        verbose_name_plural = _("process samples")
        constraints = (models.UniqueConstraint(fields=("resolution", "at_s", "series"), name="process_sample_slot"),)

    def __str__(self) -> str:
        return f"{self.series_id} at {self.at_s}"


class SystemSample(models.Model):
    """What the whole system did in one slot: counts by status, ended runs, latency, pool, connections, queues.

    ``figures``: name → value, of a coarse slot name → [mean, least, most]; ``vwed.monitoring.history`` names them.
    """

    resolution = models.PositiveSmallIntegerField(choices=Resolution.choices)
    at_s = models.PositiveIntegerField()
    figures = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("system sample")
        verbose_name_plural = _("system samples")
        constraints = (models.UniqueConstraint(fields=("resolution", "at_s"), name="system_sample_slot"),)

    def __str__(self) -> str:
        return f"{self.resolution} s at {self.at_s}"


class Growth(models.Model):
    """The newest verdict of the leak watch about one subject: a series, the whole system, or what runs leave behind.

    ``subject``: a series' name, ``system`` or ``runs``. ``low`` and ``high``: the confidence interval, in bytes a day
    (``runs``: allocated blocks per 1,000 runs). ``details``: what grows, of which definition and block type.
    """

    subject = models.CharField(max_length=96, unique=True)
    verdict = models.CharField(max_length=16)
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)
    points = models.PositiveIntegerField(default=0)
    needed = models.PositiveIntegerField(default=0)
    since = models.DateTimeField(null=True)
    limit_days = models.FloatField(null=True)
    details = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("growth verdict")
        verbose_name_plural = _("growth verdicts")

    def __str__(self) -> str:
        return f"{self.subject}: {self.verdict}"
