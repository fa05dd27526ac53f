"""Settings as a file: what is in force, with its version and a digest; an import is one change set, whole or not."""

from __future__ import annotations

import json
from typing import Any

from django.utils.translation import gettext as _

from scheduler.errors import Refused
from vwed.models import ChangeSet
from vwed.tuning import changes, stored

FORMAT = "vwed-settings"
#: Characters of a file that is read.
LARGEST = 1_000_000


def export() -> dict[str, Any]:
    """Every value in force as it would be typed; ``stored``: those that were changed, the others are first values."""
    present = stored.effective()
    values = stored.as_values(stored.overrides())
    return {
        "format": FORMAT,
        "version": stored.version(),
        "digest": values.digest(),
        "values": {name: each.text for name, each in present.items()},
        "stored": [name for name, each in present.items() if each.source is stored.Source.CHANGE],
    }


def wanted(text: str) -> dict[str, str | None]:
    """What a file wants, for ``changes.propose``. Settings that it does not name are left alone.

    Raises:
        Refused: ``not_a_settings_file``, saying what is missing.
    """
    try:
        document = json.loads(text) if len(text) <= LARGEST else None
    except ValueError as error:
        raise not_one(_("It is not JSON: %(error)s.") % {"error": error}) from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise not_one(_("It has no format “%(format)s”.") % {"format": FORMAT})
    values = document.get("values")
    if not isinstance(values, dict) or not all(isinstance(each, str) for each in values.values()):
        raise not_one(_("“values” must be an object of texts."))
    return {str(name): text for name, text in values.items()}


def not_one(why: str) -> Refused:
    """The refusal of something that is no file of settings, with the reason in words."""
    said = _("This is not a file of settings. %(why)s") % {"why": why}
    return Refused("not_a_settings_file", said, _("Give a file that an export of settings has written."))


def load(text: str, *, reason: str, author: str, origin: str, based_on: int | None = None) -> ChangeSet:
    """Take over a file as one change set.

    Raises:
        Refused: as ``wanted`` and ``changes.commit``: any problem refuses the whole; nothing was changed.
    """
    return changes.commit(wanted(text), reason=reason, author=author, origin=origin, based_on=based_on)
