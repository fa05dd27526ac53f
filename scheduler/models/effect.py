"""External effects and the fleet orders they make."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from scheduler.models.record import TaskRecord
from scheduler.states import EffectStatus
from storage.models.fields import ExactCharField


class Effect(models.Model):
    """One call to another system, written with the checkpoint, executed by the io process.

    ``key`` derives from record, block path and iteration, so writing it twice is writing it once.
    """

    key = ExactCharField(max_length=190, unique=True)
    record = models.ForeignKey(TaskRecord, on_delete=models.CASCADE, null=True, related_name="effects")
    kind = models.CharField(max_length=32)
    target = models.CharField(max_length=190)
    operation = models.CharField(max_length=64)
    order_id = ExactCharField(max_length=190, blank=True, default="")
    block = models.CharField(max_length=190, blank=True, default="")
    request = models.JSONField(default=dict)
    status = models.CharField(max_length=16, choices=EffectStatus.choices, default=EffectStatus.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField()
    owner = models.CharField(max_length=32, blank=True, default="")
    result = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("effect")
        verbose_name_plural = _("effects")
        indexes = (
            models.Index(fields=("status", "due_at"), name="effect_due"),
            models.Index(fields=("ended_at",), name="effect_ended"),
        )

    def __str__(self) -> str:
        return str(self.key)


class FleetOrder(models.Model):
    """A fleet order of a run, as last seen. Open until the fleet says that it is over."""

    order_id = ExactCharField(max_length=190, unique=True)
    record = models.ForeignKey(TaskRecord, on_delete=models.CASCADE, null=True, related_name="orders")
    block = models.CharField(max_length=190, blank=True, default="")
    state = models.CharField(max_length=32, default="CREATED")
    vehicle = models.CharField(max_length=64, blank=True, default="")
    blocks = models.JSONField(default=dict)
    container_names = models.JSONField(default=dict)
    reason = models.CharField(max_length=1000, blank=True, default="")
    error_codes = models.JSONField(default=list)
    rev = models.PositiveIntegerField(default=0)
    closed = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        verbose_name = _("fleet order")
        verbose_name_plural = _("fleet orders")
        indexes = (models.Index(fields=("closed", "id"), name="order_open"),)

    def __str__(self) -> str:
        return str(self.order_id)
