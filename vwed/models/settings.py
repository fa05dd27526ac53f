"""Changes of tunables."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class SettingChange(models.Model):
    """One change of one tunable. Never updated: the newest row of a name is its value, a roll-back is a new row."""

    name = models.CharField(_("setting"), max_length=64)
    value = models.CharField(_("value"), max_length=64)
    author = models.CharField(_("author"), max_length=150)
    reason = models.CharField(_("reason"), max_length=200)
    created_at = models.DateTimeField(_("changed"))

    class Meta:
        verbose_name = _("settings change")
        verbose_name_plural = _("settings changes")
        ordering = ("-id",)
        indexes = (models.Index(fields=("name", "id"), name="setting_newest"),)
        permissions = (("tune_settingchange", "Can change settings"),)

    def __str__(self) -> str:
        return f"{self.name}={self.value}"
