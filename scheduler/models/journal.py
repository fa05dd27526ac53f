"""What happened: transitions of runs, counters of ended runs, operators' actions."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from scheduler.models.record import TaskRecord


class JournalEntry(models.Model):
    """One transition of a run that a person may ask about. At most one terminal entry per attempt: exactly one
    when it ended, none when an interrupted one was continued or restarted.

    Claims, starts, suspensions and wakes are not journalled: waits, log and block records show them.
    """

    record = models.ForeignKey(TaskRecord, on_delete=models.CASCADE, related_name="journal", db_index=False)
    at = models.DateTimeField()
    from_status = models.CharField(max_length=16, blank=True, default="")
    to_status = models.CharField(max_length=16)
    attempt = models.PositiveIntegerField(default=1)
    actor = models.CharField(max_length=150, blank=True, default="")
    reason = models.CharField(max_length=1000, blank=True, default="")

    class Meta:
        verbose_name = _("journal entry")
        verbose_name_plural = _("journal")
        indexes = (models.Index(fields=("record", "id"), name="journal_record"),)

    def __str__(self) -> str:
        return f"{self.record_id} {self.from_status}→{self.to_status}"


class EndedCounter(models.Model):
    """Ended attempts per minute and status, in a few slots so that writers do not queue for one row.

    A run that is continued after its end, or restarted, counts again when it ends again; ``duration_ms`` adds up how
    long the attempts lasted. An interruption is no end.
    """

    minute = models.BigIntegerField()
    status = models.CharField(max_length=16)
    slot = models.PositiveSmallIntegerField()
    count = models.PositiveBigIntegerField(default=0)
    duration_ms = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("minute", "status", "slot"), name="one_counter"),)

    def __str__(self) -> str:
        return f"{self.minute} {self.status} {self.count}"


class AuditEntry(models.Model):
    """One operator command, refused ones too: who, what, before, after, why."""

    at = models.DateTimeField(_("when"), db_index=True)
    actor = models.CharField(_("who"), max_length=150)
    action = models.CharField(_("action"), max_length=64)
    object_type = models.CharField(_("kind"), max_length=64)
    object_id = models.CharField(_("object"), max_length=190)
    before = models.JSONField(_("before"), default=dict)
    after = models.JSONField(_("after"), default=dict)
    reason = models.CharField(_("reason"), max_length=200, blank=True, default="")
    origin = models.CharField(_("origin"), max_length=32)
    refused = models.BooleanField(_("refused"), default=False)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        indexes = (models.Index(fields=("object_type", "object_id", "id"), name="audit_object"),)

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.object_id}"
