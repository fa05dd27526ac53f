"""The form of settings: its lines, and what a person wants by it. Only what was really edited is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from vwed.console.chips import Look
from vwed.console.settings_words import EFFECTS
from vwed.tuning import rules, stored
from vwed.tuning.parameter import Parameter
from vwed.tuning.parameters import GROUPS, PARAMETERS
from vwed.tuning.units import unit_word

#: A field's value, and the text that the form had shown in it.
VALUE, SHOWN = "v.", "was."
#: Characters of a value that are looked at; a declared bound always refuses less.
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Row:
    """One setting in the form.

    ``text`` is what the field holds, ``shown`` what it held when the form was made. ``first`` is its first value,
    from the environment when ``given``.
    """

    parameter: Parameter
    text: str
    shown: str
    default: str
    first: str
    given: bool
    source: stored.Source
    change: int | None
    unit: str | Promise
    bounds: str
    effect: Look
    problems: tuple[str, ...]

    @property
    def edited(self) -> bool:
        """Whether the field differs from what is in force."""
        return self.text != self.shown


@dataclass(frozen=True, slots=True)
class Group:
    """Settings that belong together."""

    code: str
    title: str | Promise
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """What came with a form. ``wanted``: see ``vwed.tuning.changes``; ``based_on``: the version that was shown."""

    wanted: dict[str, str | None]
    based_on: int
    reason: str
    when: str
    at: str


def groups(wanted: Mapping[str, str | None], problems: rules.Problems) -> list[Group]:
    """Every setting with its value in force, or the one that is wanted. One query."""
    given = stored.environment()
    rows = [_row(each, given.get(name), wanted, problems.get(name, ())) for name, each in stored.effective().items()]
    return [Group(code, title, tuple(row for row in rows if row.parameter.group == code)) for code, title in GROUPS]


def _row(each: stored.Effective, given: object, wanted: Mapping[str, str | None], problems: tuple[str, ...]) -> Row:
    parameter = each.parameter
    first = parameter.default if given is None else given
    return Row(
        parameter=parameter,
        text=(wanted[parameter.name] or "") if parameter.name in wanted else each.text,
        shown=each.text,
        default=parameter.format(parameter.default),
        first=parameter.format(first),  # type: ignore[arg-type]
        given=given is not None,
        source=each.source,
        change=each.change,
        unit=unit_word(parameter.unit),
        bounds=_bounds(parameter),
        effect=EFFECTS[parameter.effect],
        problems=problems,
    )


def _bounds(parameter: Parameter) -> str:
    """What is allowed, as short as a column; the whole words are its title."""
    if parameter.kind == "bool":
        return _("yes or no")
    if parameter.kind == "str":
        return _("text")
    low, high = (f"{value:,.10g}".replace(",", "\u202f") for value in (parameter.minimum or 0, parameter.maximum or 0))
    return f"{low} – {high}"


def read(request: HttpRequest) -> Sent:
    """What the person wants: of the fields those that were edited, an empty one back to its first value."""
    post = request.POST
    wanted: dict[str, str | None] = {}
    for parameter in PARAMETERS:
        text = post.get(VALUE + parameter.name)
        if text is None:
            continue
        text = text.strip()[:_LONGEST]
        if text != post.get(SHOWN + parameter.name):
            wanted[parameter.name] = text or None
    seen = post.get("based_on", "")
    return Sent(
        wanted=wanted,
        based_on=int(seen) if seen.isdecimal() and len(seen) < 19 else 0,  # else nothing was seen
        reason=post.get("reason", "").strip()[:1000],
        when=post.get("when", "now"),
        at=post.get("at", "").strip()[:40],
    )
