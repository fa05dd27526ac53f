"""Alerts: what was noticed, the rules behind it where somebody changed them, and who has been told."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class AlertRule(models.Model):
    """What somebody changed about a declared rule; without a row its declaration holds (``vwed.alerts.rules``)."""

    code = models.CharField(_("rule"), max_length=48, unique=True)
    enabled = models.BooleanField(_("enabled"), default=True)
    threshold = models.FloatField(_("threshold"), null=True)
    hold_s = models.FloatField(_("hold time"), null=True)
    clear_margin = models.FloatField(_("clear margin"), null=True)
    severity = models.CharField(_("severity"), max_length=16, blank=True, default="")
    #: Mail addresses and webhook addresses, one a line.
    receivers = models.TextField(_("receivers"), blank=True, default="")
    changed_by = models.CharField(max_length=150)
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name = _("alert rule")
        verbose_name_plural = _("alert rules")

    def __str__(self) -> str:
        return self.code


class Alert(models.Model):
    """One thing that was noticed, from the first sight to the end. At most one is open per rule and object."""

    rule = models.CharField(_("rule"), max_length=48)
    #: What it is about: a process, a queue, a record id; empty for the whole system.
    object_key = models.CharField(max_length=190, blank=True, default="")
    #: ``rule:object`` while it is open, nothing afterwards: what makes a second one impossible.
    open_key = models.CharField(max_length=240, null=True, unique=True)  # noqa: DJ001 - NULLs are not equal
    severity = models.CharField(_("severity"), max_length=16)
    opened_at = models.DateTimeField(_("since"))
    updated_at = models.DateTimeField()
    cleared_at = models.DateTimeField(null=True, db_index=True)
    value = models.FloatField(_("value"), null=True)
    peak = models.FloatField(null=True)
    threshold = models.FloatField(_("threshold"), null=True)
    #: How often the value crossed the threshold while the alert was open.
    count = models.PositiveIntegerField(default=1)
    #: The newest 60 looks: 0 quiet, 1 over the threshold.
    cells = models.JSONField(default=list)
    #: For the sentence.
    args = models.JSONField(default=dict)
    acked_by = models.CharField(max_length=150, blank=True, default="")
    acked_at = models.DateTimeField(null=True)
    acked_until = models.DateTimeField(null=True)
    ack_note = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        indexes = (models.Index(fields=("cleared_at", "id"), name="alert_state"),)
        permissions = (("ack_alert", "Can acknowledge alerts"),)

    def __str__(self) -> str:
        return f"{self.rule} {self.object_key}".strip()


class AlertDelivery(models.Model):
    """One message about an alert to one receiver: pending, sent, or failed after its last try."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, null=True, db_constraint=False)
    #: ``opened``, ``cleared`` or ``test``.
    kind = models.CharField(max_length=16)
    #: ``mail`` or ``webhook``.
    channel = models.CharField(max_length=16)
    target = models.CharField(max_length=500)
    state = models.CharField(max_length=16)
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    next_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        verbose_name = _("alert delivery")
        verbose_name_plural = _("alert deliveries")
        indexes = (models.Index(fields=("state", "next_at"), name="alert_delivery_due"),)

    def __str__(self) -> str:
        return f"{self.kind} to {self.target}"
