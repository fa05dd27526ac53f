"""Decisions about runs that stopped: continue, skip the block, start again from the beginning; and their locks."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from scheduler.admin.record_verbs import DECIDE, Action, Outcome, Rows, WrongValues, command, ids, of_attempts
from scheduler.commands import continuing, restarting, sites
from scheduler.errors import Refused
from scheduler.models import FleetOrder, TaskDefinition, TaskRecord
from scheduler.states import ENDED, Status
from storage import selectors
from vwed.console.confirm import Answer, Asked, Question

#: Before the names of outputs in the form, so that none hides a field of ours.
_OUTPUT = "output_"


def _once(row: TaskRecord) -> str:
    return _("Version %(v)s, as it was started. Blocks that are done are not repeated.") % {"v": row.version.number}


def _had_ended(rows: Rows) -> list[str]:
    """What a run that had ended has lost, and what becomes of it."""
    failed = [row for row in rows if row.status == Status.FAILED]
    if not failed:
        return []
    said = [_("What it had ordered from robots was terminated at its end; a robot selection begins anew.")]
    releasing = TaskDefinition.objects.filter(pk__in={row.definition_id for row in failed}, release_sites=True)
    if releasing.exists():
        said.append(_("Its locations were released at its end: it goes on without these locks."))
    return said


# --- Continue --------------------------------------------------------------------------------------------------------


def _ask_continue(rows: Rows) -> Question:
    (first, *others) = rows
    if others:
        title = ngettext("Continue %(n)s run", "Continue %(n)s runs", len(rows)) % {"n": len(rows)}
        consequence = [_("Each goes on in the version it was started with. Blocks that are done are not repeated.")]
    else:
        where = first.failed_block
        title = _("Continue from %(block)s") % {"block": where} if where else _("Continue")
        consequence = [_once(first)]
        if where:
            again = _("%(block)s is tried again, with everything that it asks of other systems.")
            consequence.append(again % {"block": where})
    orders = _open_orders(rows)
    if orders:
        text = ngettext("%(n)s open robot order goes on.", "%(n)s open robot orders go on.", orders)
        consequence.append(text % {"n": orders})
    consequence += _had_ended(rows)
    return Question(title=title, consequence=consequence, verb=title, command=command("retry_task", rows))


def _open_orders(rows: Rows) -> int:
    stopped = [row for row in rows if row.status == Status.INTERRUPTED]
    return FleetOrder.objects.filter(record__in=stopped, closed=False).count() if stopped else 0


def _continue(rows: Rows, actor: str, answer: Answer) -> Outcome:
    return of_attempts(continuing.go_on(ids(rows), actor=actor, reason=answer.reason, origin="page"))


def _continued(n: int) -> str:
    return ngettext("%(n)s run goes on.", "%(n)s runs go on.", n) % {"n": n}


# --- Skip ------------------------------------------------------------------------------------------------------------


def skip_action(block: str) -> Action:
    """Skipping one block of one run; an empty name means the only one that it stopped at."""

    def ask(rows: Rows) -> Question:
        return _ask_skip(rows, block)

    def run(rows: Rows, actor: str, answer: Answer) -> Outcome:
        return _skip(rows[0], block, actor, answer)

    return Action(continuing.CONTINUABLE, ask, run, _skipped, _skipped, DECIDE, many=False)


def _ask_skip(rows: Rows, block: str) -> Question:
    row = rows[0]
    chosen = continuing.to_skip(row, block)
    title = _("Skip %(block)s") % {"block": chosen.block}
    consequence = [_once(row), *_had_ended(rows)]
    if chosen.required:
        names = ", ".join(chosen.required)
        consequence.append(_("Later blocks read %(outputs)s: give their values.") % {"outputs": names})
    else:
        consequence.append(_("No later block reads an output of it."))
    asked = [
        Asked(f"{_OUTPUT}{name}", name, help=_('A text, or JSON: 12 is a number, "12" a text, "" an empty one.'))
        for name in chosen.required
    ]
    options = [f"--block {chosen.block}", *(f"--output {name}=…" for name in chosen.required)]
    return Question(
        title=title,
        consequence=consequence,
        verb=title,
        danger=True,
        reason_required=True,
        asked=asked,
        command=command("skip_block", rows, *options),
        fields={"block": [chosen.block]},
    )


def _skip(row: TaskRecord, block: str, actor: str, answer: Answer) -> Outcome:
    outputs = {name.removeprefix(_OUTPUT): continuing.value_of(text) for name, text in answer.values.items()}
    try:
        continuing.skip(row.record_id, block, outputs, actor=actor, reason=answer.reason, origin="page")
    except continuing.OutputsRefused as refused:
        raise WrongValues({f"{_OUTPUT}{name}": why for name, why in refused.fields.items()}) from refused
    return Outcome(1)


def _skipped(n: int) -> str:
    return _("The block is skipped; the run goes on.")


# --- Restart ---------------------------------------------------------------------------------------------------------


def _ask_restart(rows: Rows) -> Question:
    title = ngettext("Start %(n)s run again", "Start %(n)s runs again", len(rows)) % {"n": len(rows)}
    orders = FleetOrder.objects.filter(record__in=rows)
    over, still_open = orders.filter(closed=True).count(), orders.filter(closed=False).count()
    consequence = [
        _("A new attempt of the same run from its first block, with its inputs. Variables and outputs begin empty."),
        _("Locks of this run stay its own."),
    ]
    if still_open:
        text = ngettext("%(n)s robot order is terminated.", "%(n)s robot orders are terminated.", still_open)
        consequence.append(text % {"n": still_open})
    if over:
        text = ngettext(
            "%(n)s robot order that is over is not undone.", "%(n)s robot orders that are over are not undone.", over
        )
        consequence.append(text % {"n": over})
    return Question(
        title=title,
        consequence=consequence,
        verb=title,
        danger=True,
        reason_required=True,
        command=command("retry_task", rows, "--from-start"),
    )


def _restart(rows: Rows, actor: str, answer: Answer) -> Outcome:
    return of_attempts(restarting.restart(ids(rows), actor=actor, reason=answer.reason, origin="page"))


def _restarted(n: int) -> str:
    return ngettext("%(n)s run starts again.", "%(n)s runs start again.", n) % {"n": n}


# --- Locks left behind -----------------------------------------------------------------------------------------------


def _ask_release(rows: Rows) -> Question:
    held = selectors.held_by(rows[0].record_id)
    if not held:
        raise Refused("nothing_held", "This run holds no location.")
    title = ngettext("Release %(n)s location", "Release %(n)s locations", len(held)) % {"n": len(held)}
    consequence = [
        ", ".join(held[:10]) + (" …" if len(held) > 10 else ""),
        _("The run has ended and needs them no more. Waiting runs get a chance at once."),
    ]
    words = f"manage.py locations unlock {' '.join(held[:3])}{' …' if len(held) > 3 else ''}"
    return Question(title=title, consequence=consequence, verb=title, danger=True, reason_required=True, command=words)


def _release(rows: Rows, actor: str, answer: Answer) -> Outcome:
    holder = rows[0].record_id
    held = selectors.held_by(holder)
    if not held:
        return Outcome(0)
    result = sites.unlock(held, holder, actor=actor, origin="page", reason=answer.reason)
    return Outcome(len(result.done), left=len(result.refused))


def _released(n: int) -> str:
    return ngettext("%(n)s location is released.", "%(n)s locations are released.", n) % {"n": n}


DECISIONS: Mapping[str, Action] = {
    "continue": Action(continuing.CONTINUABLE, _ask_continue, _continue, _continued, _continued, DECIDE),
    "restart": Action(restarting.RESTARTABLE, _ask_restart, _restart, _restarted, _restarted, DECIDE),
    "release": Action(
        ENDED, _ask_release, _release, _released, _released, "storage.operate_storagelocation", many=False
    ),
}
