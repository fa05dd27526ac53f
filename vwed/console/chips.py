"""How states look: icon, word, tone and shape together, so that colour is never the only sign."""

from __future__ import annotations

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from scheduler.states import FACES, BlockCode, EffectStatus, Status


class Look(NamedTuple):
    """Icon, tone and word of a state."""

    icon: str
    tone: str
    word: str | Promise


BLOCKS: dict[int, Look] = {
    BlockCode.RUNNING: Look("play_arrow", "active", _("running")),
    BlockCode.STOPPED: Look("stop", "off", _("stopped")),
    BlockCode.INTERRUPTED: Look("error", "bad", _("failed, waits for a decision")),
    BlockCode.DONE: Look("check", "good", _("done")),
    BlockCode.FAILED: Look("error", "bad", _("failed")),
    BlockCode.NOT_RUN: Look("skip_next", "off", _("not executed")),
    BlockCode.ENDED_BY_PARALLEL: Look("stop", "off", _("ended by the parallel block")),
    BlockCode.SUSPENDED: Look("hourglass_top", "wait", _("suspended")),
    BlockCode.ENDED_BY_HAND: Look("check", "good", _("ended by hand")),
}
#: A failure that the run survived.
CAUGHT = Look("undo", "wait", _("caught"))
#: A failure of an attempt that a person decided about; the run went on.
DECIDED = Look("undo", "wait", _("failed, then decided"))
#: A block around one that waits for a decision: it does nothing, and has not ended.
NOT_ENDED = Look("pause", "idle", _("not ended"))
EFFECTS: dict[str, Look] = {
    EffectStatus.PENDING: Look("schedule", "idle", _("to be sent")),
    EffectStatus.SENT: Look("send", "active", _("sent")),
    EffectStatus.DONE: Look("check", "good", _("done")),
    EffectStatus.FAILED: Look("error", "bad", _("failed")),
    EffectStatus.UNKNOWN: Look("question_mark", "decide", _("unknown whether it happened")),
    EffectStatus.ABANDONED: Look("stop", "off", _("abandoned")),
}
ALIVE = Look("radio_button_checked", "good", _("alive"))
DRAINING = Look("pending", "wait", _("draining"))
LATE = Look("sync_problem", "bad", _("beat late"))
GONE = Look("power_off", "off", _("gone"))


def chip(word: str | Promise, icon: str, tone: str, shape: str) -> SafeString:
    """HTML of one chip."""
    return format_html(
        '<span class="vw-chip" data-tone="{}" data-shape="{}">'
        '<span class="vw-icon" aria-hidden="true">{}</span>{}</span>',
        tone,
        shape,
        icon,
        word,
    )


def status_chip(status: str) -> SafeString:
    """Chip of a run's status."""
    known = Status(status)
    face = FACES[known]
    return chip(known.label, face.icon, face.tone, face.shape)
