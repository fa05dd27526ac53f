"""One run of a task: the record is the queue entry."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from scheduler.models.definition import DefinitionVersion, TaskDefinition
from scheduler.states import FACES, Status
from storage.models.fields import ExactCharField


class TaskRecord(models.Model):
    """A run. ``status`` and everything of the claim is written by ``scheduler.transitions`` alone.

    Running and handed-over runs are few (bounded by the workers), so their leases need no index of their own: every
    index that contains ``status`` is written four times for each run.

    ``rank`` orders the ready runs of a queue (lower first); ``wake_seq`` counts wakes, so that one which arrives
    while the run is being suspended is not lost; ``token`` fences the writer.
    """

    record_id = ExactCharField(_("record id"), max_length=128, unique=True)
    definition = models.ForeignKey(TaskDefinition, on_delete=models.PROTECT, related_name="records")
    version = models.ForeignKey(DefinitionVersion, on_delete=models.PROTECT, related_name="+")
    label = ExactCharField(_("definition"), max_length=190)

    status = models.CharField(_("status"), max_length=16, choices=Status.choices, default=Status.READY)
    queue = models.CharField(_("queue"), max_length=64, default="default")
    priority = models.IntegerField(_("priority"), default=1)
    rank = models.BigIntegerField(default=0)
    due_at = models.DateTimeField(_("due"), null=True)
    wake_seq = models.PositiveIntegerField(default=0)
    cancel_requested = models.BooleanField(default=False)
    release_requested = models.BooleanField(default=False)
    pause_requested = models.BooleanField(default=False)
    request_reason = models.CharField(max_length=200, blank=True, default="")
    request_actor = models.CharField(max_length=150, blank=True, default="")

    boot_id = models.CharField(_("cluster"), max_length=32, blank=True, default="")
    worker = models.CharField(_("worker"), max_length=48, blank=True, default="")
    token = models.CharField(max_length=32, blank=True, default="")
    lease_until = models.DateTimeField(null=True)
    claimed_at = models.DateTimeField(null=True)

    attempt = models.PositiveIntegerField(_("attempt"), default=1)
    #: The attempt that began at the first block. Later ones went on from it and write on in its block records.
    history_attempt = models.PositiveIntegerField(default=1)
    #: When the present attempt began; nothing for the first one.
    attempt_at = models.DateTimeField(_("attempt since"), null=True, db_index=True)
    recoveries = models.PositiveIntegerField(_("recoveries"), default=0)
    slices = models.PositiveIntegerField(default=0)

    created_at = models.DateTimeField(_("created"))
    ready_at = models.DateTimeField(null=True)
    first_block_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)
    ended_reason = models.CharField(_("ended reason"), max_length=1000, blank=True, default="")
    error_code = models.CharField(max_length=64, blank=True, default="")
    failed_block = models.CharField(_("failed block"), max_length=190, blank=True, default="")

    inputs = models.TextField(default="{}")
    variables = models.TextField(default="{}")
    agv_id = models.CharField(_("robot"), max_length=190, blank=True, default="")
    out_order_no = ExactCharField(_("out-order number"), max_length=128, null=True, unique=True)
    state_description = models.CharField(_("state text"), max_length=500, blank=True, default="")
    work_types = models.CharField(_("posts"), max_length=190, blank=True, default="")
    work_stations = models.CharField(_("stations"), max_length=190, blank=True, default="")
    #: Answer of a synchronous interface task: JSON ``{"code": …, "body": …}``, empty for none.
    response = models.TextField(_("response"), blank=True, default="")
    marked_start_ms = models.BigIntegerField(_("work started"), null=True)
    marked_end_ms = models.BigIntegerField(_("work ended"), null=True)
    #: Block executions since the start; their records are bounded, this number is not.
    blocks_run = models.BigIntegerField(_("blocks run"), default=0)
    #: How many sub-task calls deep it is; 0 for a run that somebody started.
    depth = models.PositiveSmallIntegerField(default=0)
    #: Found through ``record_family``.
    parent = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="children", db_index=False)
    #: ``history_attempt`` of the parent that must still be told if it does not end well. 0: nobody has to be told, or
    #: the block that waits for it will be.
    watched_attempt = models.PositiveIntegerField(default=0)
    root_record_id = ExactCharField(max_length=128, blank=True, default="")
    periodic = models.BooleanField(default=False)
    created_by = models.CharField(_("created by"), max_length=150, blank=True, default="")

    class Meta:
        verbose_name = _("task record")
        verbose_name_plural = _("task records")
        indexes = (
            models.Index(fields=("status", "queue", "rank"), name="record_claim"),
            models.Index(fields=("status", "due_at"), name="record_due"),
            models.Index(fields=("label", "id"), name="record_label"),
            models.Index(fields=("status", "id"), name="record_status"),
            models.Index(fields=("agv_id", "id"), name="record_robot"),
            models.Index(fields=("created_at",), name="record_created"),
            models.Index(fields=("ended_at",), name="record_ended"),
            #: A join asks for watched children; a parent may have had thousands of others.
            models.Index(fields=("parent", "watched_attempt"), name="record_family"),
            #: The list hides periodic runs, which may be nearly all there are.
            models.Index(fields=("periodic", "id"), name="record_periodic"),
        )
        permissions = (
            ("operate_taskrecord", "Can cancel, pause, resume, retry and prioritise runs"),
            ("decide_taskrecord", "Can continue, skip and restart runs"),
            ("bulk_taskrecord", "Can act on all runs that match"),
        )

    def __str__(self) -> str:
        return str(self.record_id)

    @property
    def code(self) -> int:
        """The number of the documents for this status."""
        return FACES[Status(self.status)].code


class RunState(models.Model):
    """The state of a run: tagged JSON text, bounded by the context limit. Gone with its end.

    A run that failed keeps it for a while (``kept_state_days``), so that it can be continued.
    """

    record = models.OneToOneField(TaskRecord, on_delete=models.CASCADE, primary_key=True, related_name="state")
    text = models.TextField()
    #: What a person decided about the failed block (``execution.decision``); empty for nothing.
    decision = models.TextField(blank=True, default="")
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"state of {self.record_id}"


class BlockRecord(models.Model):
    """One block execution. Written in bulk with the checkpoint (columns as in ``execution.outcome.BlockRow``).

    No foreign key in the database: looking the record up for each of 25,000 rows a second is most of their cost, and
    only ``scheduler.retention`` deletes records, details first.
    """

    record = models.ForeignKey(
        TaskRecord, on_delete=models.CASCADE, related_name="block_records", db_index=False, db_constraint=False
    )
    #: ``TaskRecord.history_attempt`` at that time: a run that is continued goes on in the same history.
    attempt = models.PositiveIntegerField(default=1)
    seq = models.PositiveIntegerField()
    name = models.CharField(_("block"), max_length=190)
    block_type = models.CharField(_("type"), max_length=64)
    path = models.CharField(max_length=1000)
    iteration = models.CharField(max_length=190, blank=True, default="")
    code = models.PositiveSmallIntegerField()
    started_ms = models.BigIntegerField()
    ended_ms = models.BigIntegerField(null=True)
    params = models.TextField(default="")
    outputs = models.TextField(default="")
    reason = models.CharField(max_length=1000, blank=True, default="")

    class Meta:
        verbose_name = _("block record")
        verbose_name_plural = _("block records")
        constraints = (models.UniqueConstraint(fields=("record", "attempt", "seq"), name="one_block_execution"),)

    def __str__(self) -> str:
        return f"{self.record_id} {self.name} #{self.seq}"


class LogLine(models.Model):
    """One line of the task log: code and arguments, rendered on reading. No foreign key, as for block records."""

    record = models.ForeignKey(
        TaskRecord, on_delete=models.CASCADE, related_name="log_lines", db_index=False, db_constraint=False
    )
    at_ms = models.BigIntegerField()
    level = models.PositiveSmallIntegerField()
    block = models.CharField(max_length=190, blank=True, default="")
    code = models.CharField(max_length=64)
    args = models.TextField(default="{}")

    class Meta:
        verbose_name = _("log line")
        verbose_name_plural = _("log lines")
        indexes = (models.Index(fields=("record", "id"), name="log_record"),)

    def __str__(self) -> str:
        return f"{self.record_id} {self.code}"


class Wait(models.Model):
    """One waiting branch of a suspended run: what it waits for, in words and as the key that wakes it."""

    record = models.ForeignKey(TaskRecord, on_delete=models.CASCADE, related_name="waits")
    branch = models.CharField(max_length=190)
    block = models.CharField(max_length=190)
    key = ExactCharField(max_length=190, db_index=True)
    code = models.CharField(max_length=32)
    args = models.JSONField(default=dict)
    since_ms = models.BigIntegerField()
    due_ms = models.BigIntegerField(null=True)
    deadline_ms = models.BigIntegerField(null=True)

    class Meta:
        verbose_name = _("wait")
        verbose_name_plural = _("waits")
        indexes = (models.Index(fields=("code", "since_ms"), name="wait_code"),)

    def __str__(self) -> str:
        return f"{self.record_id} {self.key}"
