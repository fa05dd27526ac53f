"""What a change would do, before it is made: difference, faults at their fields, projection, when it takes effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scheduler.errors import Refused
from vwed.tuning import facts as measured
from vwed.tuning import rules, stored
from vwed.tuning.parameter import Parameter, TakesEffect, Value
from vwed.tuning.parameters import find
from vwed.tuning.projection import Line, project

#: Parameter name → text as typed; ``None``: back to the first value (environment or default).
Wanted = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Item:
    """One parameter of a difference. ``to_first``: it goes back to its first value; ``was_first``: it had that."""

    parameter: Parameter
    before: Value
    after: Value
    was_first: bool
    to_first: bool

    @property
    def before_text(self) -> str:
        """The value before, as it would be typed."""
        return self.parameter.format(self.before)

    @property
    def after_text(self) -> str:
        """The value after, as it would be typed."""
        return self.parameter.format(self.after)

    def as_row(self) -> dict[str, str | None]:
        """As the change set keeps it."""
        return {
            "before": None if self.was_first else self.before_text,
            "after": None if self.to_first else self.after_text,
        }


@dataclass(frozen=True, slots=True)
class Review:
    """What a change would do. ``problems`` are told at their parameter; with any, it cannot be committed."""

    based_on: int
    items: tuple[Item, ...]
    problems: rules.Problems
    projection: tuple[Line, ...]
    refusal_code: str = "not_allowed"

    @property
    def ok(self) -> bool:
        """Whether it can be committed."""
        return bool(self.items) and not self.problems

    @property
    def effects(self) -> tuple[TakesEffect, ...]:
        """When its parameters take effect, each once."""
        return tuple(dict.fromkeys(item.parameter.effect for item in self.items))

    @property
    def difference(self) -> dict[str, dict[str, str | None]]:
        """As the change set will keep it."""
        return {item.parameter.name: item.as_row() for item in self.items}


def propose(wanted: Wanted, *, based_on: int | None = None) -> Review:
    """What committing ``wanted`` would do. Changes nothing and refuses nothing: a few queries."""
    version, present = stored.version(), stored.effective()
    items, problems, code = _items(wanted, present)
    held = {name: each.value for name, each in present.items() if each.source is stored.Source.CHANGE}
    later = dict(held)
    for item in items:
        if item.to_first:
            later.pop(item.parameter.name, None)
        else:
            later[item.parameter.name] = item.after
    before, after = stored.as_values(held), stored.as_values(later)
    facts = measured.read()
    problems = rules.merged(problems, rules.new_problems(before, after, facts))
    return Review(
        based_on=version if based_on is None else based_on,
        items=items,
        problems=problems,
        projection=project(before, after, facts),
        refusal_code=code,
    )


def _items(wanted: Wanted, present: Mapping[str, stored.Effective]) -> tuple[tuple[Item, ...], rules.Problems, str]:
    """What really changes, and what cannot be read, with the code of the first fault."""
    items: list[Item] = []
    problems: rules.Problems = {}
    code = "not_allowed"
    for name, text in wanted.items():
        try:
            parameter = find(name)
            after = stored.first_value(parameter) if text is None else parameter.parse(text)
        except Refused as refused:
            code = refused.code if not problems else code
            problems[name] = (str(refused),)
            continue
        now = present[parameter.name]
        is_first = now.source is not stored.Source.CHANGE
        if now.value != after or (text is None and not is_first):
            items.append(Item(parameter, now.value, after, was_first=is_first, to_first=text is None))
    return tuple(items), problems, code
