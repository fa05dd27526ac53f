"""Task definitions and their immutable versions."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from storage.models.fields import ExactCharField


class TaskDefinition(models.Model):
    """A task template. What it does lives in its versions; runs point at the version they started with."""

    definition_id = ExactCharField(_("definition id"), max_length=64, unique=True)
    label = ExactCharField(_("label"), max_length=190, unique=True)
    enabled = models.BooleanField(_("enabled"), default=True)
    queue = models.CharField(_("queue"), max_length=64, default="default")
    release_sites = models.BooleanField(_("release locations on abnormal end"), default=False)
    periodic = models.BooleanField(_("periodic task"), default=False)
    periodic_enabled = models.BooleanField(_("periodic start enabled"), default=False)
    period_ms = models.BigIntegerField(_("period (ms)"), default=3000)
    delay_ms = models.BigIntegerField(_("delay (ms)"), default=1000)
    next_start_at = models.DateTimeField(_("next start"), null=True, blank=True)
    last_start_at = models.DateTimeField(_("last start"), null=True, blank=True)
    periodic_starts = models.PositiveBigIntegerField(_("periodic starts"), default=0)
    #: Starts left out because the last run was still active.
    periodic_skipped = models.PositiveBigIntegerField(_("skipped overlaps"), default=0)
    periodic_error = models.CharField(_("why the last start failed"), max_length=1000, blank=True, default="")
    #: Record id of the last periodic run: one look tells whether it is still active.
    last_periodic_record = ExactCharField(_("last periodic run"), max_length=128, blank=True, default="")
    template_name = models.CharField(max_length=190, default="userTemplate", blank=True)
    category_id = models.BigIntegerField(default=0)
    remark = models.TextField(_("remark"), blank=True, default="")
    #: Fields of the imported object that we keep only to give them back on export.
    extra = models.JSONField(default=dict, blank=True)
    current = models.ForeignKey(
        "scheduler.DefinitionVersion", on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("version")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("task definition")
        verbose_name_plural = _("task definitions")
        ordering = ("label",)
        indexes = (models.Index(fields=("next_start_at",), name="definition_next_start"),)
        permissions = (("run_taskdefinition", "Can run a task definition"),)

    def __str__(self) -> str:
        return str(self.label)


class DefinitionVersion(models.Model):
    """One immutable version: the detail as canonical JSON text."""

    definition = models.ForeignKey(TaskDefinition, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField(_("version"))
    detail = models.TextField(_("detail"))
    digest = models.CharField(max_length=64)
    warnings = models.JSONField(_("warnings"), default=list)
    block_count = models.PositiveIntegerField(_("blocks"), default=0)
    #: Characters of ``detail``, so that a list of versions need not read it.
    size = models.PositiveIntegerField(_("size"), default=0)
    #: Sub-task calls: ``[definition id, whether the caller waits, path of the block]``.
    calls = models.JSONField(default=list)
    author = models.CharField(_("author"), max_length=150, blank=True, default="")
    #: The file it came from, or why it was made.
    reason = models.CharField(_("reason"), max_length=200, blank=True, default="")
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("definition version")
        verbose_name_plural = _("definition versions")
        ordering = ("-number",)
        constraints = (models.UniqueConstraint(fields=("definition", "number"), name="one_version_number"),)

    def __str__(self) -> str:
        return f"{self.definition_id} v{self.number}"
