"""Changes of tunables: sets of changes that people make, the values they left, and what was observed afterwards."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class ChangeState(models.TextChoices):
    """The life of a change set: scheduled → applied | cancelled | superseded; applied → rolled back."""

    SCHEDULED = "scheduled", _("scheduled")
    APPLIED = "applied", _("applied")
    CANCELLED = "cancelled", _("cancelled")
    #: At its time the values it was made for had changed, or it was not allowed any more: ``outcome`` says which.
    SUPERSEDED = "superseded", _("superseded")
    ROLLED_BACK = "rolled_back", _("rolled back")


class ChangeSet(models.Model):
    """What one person changed at once. Its difference never changes; what becomes of it is noted beside it.

    ``difference``: name → ``{"before": text, "after": text}``; null where nothing was stored, so that the environment
    or the default holds. ``version``: which change to the values in force this was, from 1; null while it is none.
    """

    difference = models.JSONField(_("difference"))
    author = models.CharField(_("author"), max_length=150)
    reason = models.CharField(_("reason"), max_length=200)
    origin = models.CharField(max_length=16)
    created_at = models.DateTimeField(_("changed"))
    effective_at = models.DateTimeField(_("effective from"))
    #: The version its author had seen.
    based_on = models.BigIntegerField(default=0)
    #: The version whose values this one restores.
    restores = models.BigIntegerField(null=True)
    state = models.CharField(_("state"), max_length=16, choices=ChangeState.choices)
    version = models.BigIntegerField(null=True, unique=True)
    applied_at = models.DateTimeField(null=True)
    #: When and by whom it was cancelled, superseded or rolled back, and why in words (see ``vwed.tuning.changes``).
    closed_at = models.DateTimeField(null=True)
    closed_by = models.CharField(max_length=150, blank=True, default="")
    outcome = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("change of settings")
        verbose_name_plural = _("changes of settings")
        ordering = ("-id",)
        default_permissions = ()
        indexes = (models.Index(fields=("state", "effective_at"), name="change_set_due"),)

    def __str__(self) -> str:
        return f"{self.pk}: {', '.join(self.difference)}"


class SettingChange(models.Model):
    """One tunable's value since a change. Never updated: the newest row of a name is its value, "" is the first one."""

    name = models.CharField(_("setting"), max_length=64)
    value = models.CharField(_("value"), max_length=64, blank=True)
    author = models.CharField(_("author"), max_length=150)
    reason = models.CharField(_("reason"), max_length=200)
    created_at = models.DateTimeField(_("changed"))
    #: Null when the history does not reach back so far any more.
    change_set = models.ForeignKey(ChangeSet, models.SET_NULL, null=True, db_constraint=False, related_name="settings")

    class Meta:
        verbose_name = _("settings change")
        verbose_name_plural = _("settings changes")
        ordering = ("-id",)
        indexes = (models.Index(fields=("name", "id"), name="setting_newest"),)
        permissions = (
            ("tune_settingchange", "Can change settings"),
            ("schedule_settingchange", "Can schedule changes of settings"),
            ("rollback_settingchange", "Can roll settings back"),
        )

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


class Observation(models.Model):
    """How the system did in the hour before a change, and in the hour that ended so many hours after it.

    ``hours``: 0 before it, then 1, 24, 48, 72. ``figures``: see ``vwed.tuning.observation``.
    """

    change_set = models.ForeignKey(ChangeSet, models.CASCADE, db_constraint=False, related_name="observations")
    hours = models.PositiveSmallIntegerField()
    figures = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("observation of a change")
        verbose_name_plural = _("observations of changes")
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("change_set", "hours"), name="observation_once"),)

    def __str__(self) -> str:
        return f"{self.change_set_id} after {self.hours} h"
