"""The form that starts a run: one field per declared input, typed, with its default and its required mark."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from execution.errors import Problem
from execution.inputs import InputDeclaration
from execution.values import LONG_MAX, LONG_MIN
from scheduler.definitions.taskjson import parse

#: Prefix of the inputs' field names, so that no input hides one of ours.
PREFIX = "in_"
#: A start is planned at most this far ahead.
LATEST = timedelta(days=366)
#: Fields that the command has an option for, with the value that needs none.
_OPTIONS = (
    ("priority", "--priority", 1),
    ("queue", "--queue", ""),
    ("record_id", "--record-id", ""),
    ("out_order_no", "--out-order", ""),
    ("start_at", "--at", ""),
)


class JsonField(forms.CharField):
    """JSON text of one kind; the value stays text so that numbers keep their form."""

    def __init__(self, kind: type, **options: Any) -> None:
        super().__init__(widget=forms.Textarea(attrs={"rows": 3}), **options)
        self._kind = kind

    def clean(self, value: Any) -> Any:
        """Check that it parses and is of the kind."""
        text = super().clean(value)
        if not text:
            return None
        problems: list[Problem] = []
        found = parse("JSON", text.encode("utf-8", "surrogatepass"), problems)
        if problems:
            raise ValidationError(_("This is no JSON: %(error)s") % {"error": problems[0].message})
        if not isinstance(found, self._kind):
            wanted = _("a list, as in [1, 2]") if self._kind is list else _('an object, as in {"a": 1}')
            raise ValidationError(_("Wanted is %(kind)s.") % {"kind": wanted})
        return found


class RunForm(forms.Form):
    """Inputs, then what the queue needs."""

    priority = forms.IntegerField(
        label=gettext_lazy("Priority in the queue"),
        min_value=0,
        max_value=100,
        initial=1,
        help_text=gettext_lazy("0 to 100; higher first"),
    )
    record_id = forms.CharField(
        label=gettext_lazy("Record id"),
        required=False,
        max_length=128,
        help_text=gettext_lazy("Empty for a new one. The same id twice is one run."),
    )
    out_order_no = forms.CharField(
        label=gettext_lazy("Out-order number"),
        required=False,
        max_length=128,
        help_text=gettext_lazy("Number of the order in another system. The same number twice is one run."),
    )
    queue = forms.CharField(
        label=gettext_lazy("Queue"),
        required=False,
        max_length=64,
        help_text=gettext_lazy("Empty for the queue of the definition."),
    )
    start_at = forms.DateTimeField(
        label=gettext_lazy("Start at"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
        help_text=gettext_lazy("Empty for now; in the time of the plant."),
    )

    def __init__(self, declared: Sequence[InputDeclaration], *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._declared = declared
        own = dict(self.fields)
        self.fields.clear()
        for item in declared:
            self.fields[PREFIX + item.name] = _field(item)
        self.fields.update(own)
        for name, field in self.fields.items():
            if not isinstance(field.widget, forms.CheckboxInput):
                field.widget.attrs.setdefault("class", "vw-field")
            if field.help_text:
                field.widget.attrs["aria-describedby"] = f"id_{name}_helptext"

    def clean_start_at(self) -> datetime | None:
        """A time that is not over, and not beyond what is kept."""
        value: datetime | None = self.cleaned_data["start_at"]
        if value is not None and not timedelta(minutes=-1) < value - timezone.now() < LATEST:
            raise ValidationError(_("Give a time from now on, at most a year ahead."))
        return value

    @property
    def command(self) -> str:
        """The command that starts the same run, with the values that stand in the form now."""
        words = ["run_task"]
        for item in self._declared:
            field = self[PREFIX + item.name]
            value = field.value()
            shown = ("true" if value else "false") if isinstance(field.field, forms.BooleanField) else value
            if shown not in (None, ""):
                words += ["--input", f"{item.name}={shown}"]
        for name, option, usual in _OPTIONS:
            value = self[name].value()
            if value not in (None, "", usual):
                words += [option, str(value)]
        return " ".join(shlex.quote(word) for word in words)

    @property
    def remembered(self) -> dict[str, Any]:
        """What a person may want again: the inputs, the priority and the queue, as they were sent."""
        names = [PREFIX + item.name for item in self._declared] + ["priority", "queue"]
        return {name: self[name].value() for name in names}

    @property
    def inputs(self) -> Mapping[str, Any]:
        """Values by input name; what was left empty is left to its default."""
        given = {item.name: self.cleaned_data.get(PREFIX + item.name) for item in self._declared}
        return {name: value for name, value in given.items() if value not in (None, "")}


def _field(item: InputDeclaration) -> forms.Field:
    """A field of the declared type."""
    options: dict[str, Any] = {
        "label": item.label,
        "required": item.required and item.type != "Boolean",
        "initial": item.default if item.default not in (None, "") else None,
        "help_text": f"{item.name} · {item.type}",
    }
    match item.type:
        case "Boolean":
            options["initial"] = str(item.default).strip().lower() == "true"
            return forms.BooleanField(**options)
        case "Long":
            return forms.IntegerField(min_value=LONG_MIN, max_value=LONG_MAX, **options)
        case "Double":
            return forms.FloatField(**options)
        case "JSONObject":
            return JsonField(dict, **options)
        case "JSONArray":
            return JsonField(list, **options)
        case _:
            return forms.CharField(max_length=100_000, **options)
