"""The rules' pages: what is watched, from when on, who is told, and a test of the way there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from scheduler.audit import REASON_LIMIT
from scheduler.errors import Refused
from vwed.admin_base import page
from vwed.alerts import changing, outbox, rules, words
from vwed.alerts.rules import BY_CODE, EVERY_RULE, RULES, Rule
from vwed.console.chips import Look
from vwed.console.permit import require, require_view
from vwed.models import AlertDelivery, AlertRule

VIEW, CHANGE = "vwed.view_alertrule", "vwed.change_alertrule"
#: How the row for every rule is called in an address.
EVERY_SLUG = "every"
#: Messages shown.
DELIVERIES = 20

STATES: Mapping[str, Look] = {
    outbox.PENDING: Look("schedule", "idle", gettext_lazy("waits")),
    outbox.SENT: Look("check", "good", gettext_lazy("sent")),
    outbox.FAILED: Look("error", "bad", gettext_lazy("failed")),
    outbox.DROPPED: Look("do_not_disturb_on", "off", gettext_lazy("not needed any more")),
}
KINDS: Mapping[str, Any] = {
    outbox.OPENED: gettext_lazy("opened"),
    outbox.CLEARED: gettext_lazy("cleared"),
    outbox.TEST: gettext_lazy("test"),
}


class RuleForm(forms.Form):
    """What can be changed about a rule; an empty number goes back to the default."""

    enabled = forms.BooleanField(label=gettext_lazy("Watch this"), required=False)
    severity = forms.ChoiceField(label=gettext_lazy("Severity"), required=False)
    threshold = forms.FloatField(label=gettext_lazy("Threshold"), required=False)
    hold_s = forms.FloatField(label=gettext_lazy("Hold time, seconds"), required=False)
    clear_margin = forms.FloatField(label=gettext_lazy("Clear margin"), required=False)
    receivers = forms.CharField(
        label=gettext_lazy("Receivers"), required=False, widget=forms.Textarea(attrs={"rows": 4})
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), min_length=3, max_length=REASON_LIMIT)

    def __init__(self, *args: Any, rule: Rule | None, **options: Any) -> None:
        super().__init__(*args, **options)
        if rule is None:
            gone = {"enabled", "severity", "threshold", "hold_s", "clear_margin"}
        else:
            gone = {"threshold", "clear_margin"} if rule.switch else set()
        for name in gone:
            del self.fields[name]
        if rule is not None:
            self._explain(rule)
        self.fields["receivers"].help_text = (
            _("Mail addresses or http addresses, one a line. They hold for every rule that names none of its own.")
            if rule is None
            else _("Mail addresses or http addresses, one a line. Empty: those of every rule.")
        )
        for name, field in self.fields.items():
            if name != "enabled":
                field.widget.attrs["class"] = "vw-field"
            if field.help_text:
                field.widget.attrs["aria-describedby"] = f"id_{name}_helptext"
        self.fields["reason"].widget.attrs["autocomplete"] = "off"

    def _explain(self, rule: Rule) -> None:
        default = _("Default: %(value)s") % {"value": words.severity(rule.severity)}
        choices = [("", default), *((each, words.severity(each)) for each in rules.SEVERITIES)]
        self.fields["severity"] = forms.ChoiceField(label=gettext_lazy("Severity"), required=False, choices=choices)
        unit = words.unit_word(rule.unit)
        texts = {
            "threshold": _("In %(unit)s, from %(least)s to %(most)s. Empty: %(default)s.")
            % {"unit": unit, "least": f"{rule.least:g}", "most": f"{rule.most:g}", "default": f"{rule.threshold:g}"},
            "clear_margin": _("It clears at the threshold minus this. Empty: %(default)s.")
            % {"default": f"{rule.clear_margin:g}"},
            "hold_s": (
                _("It stays open for at least this time after the event. Empty: %(default)s.")
                if rule.event
                else _("It opens, and clears, when the value has stayed there for this time. Empty: %(default)s.")
            )
            % {"default": f"{rule.hold_s:g}"},
        }
        for name, text in texts.items():
            if name in self.fields:
                self.fields[name].help_text = text

    def wanted(self) -> changing.Wanted:
        """The valid form as a change."""
        return changing.Wanted(**{name: self.cleaned_data[name] for name in self.cleaned_data if name != "reason"})


def index(request: HttpRequest) -> HttpResponse:
    """Every rule, who is told, and the latest messages. At most seven queries."""
    require_view(request, VIEW)
    may = request.user.has_perm(CHANGE)
    stored = rules.changed_rows()
    in_force = rules.in_force(stored)
    common = rules.receivers_of(stored[EVERY_RULE].receivers) if EVERY_RULE in stored else ()
    context = {
        "title": _("Alert rules"),
        "lines": [_line(in_force[rule.code], rule, stored.get(rule.code)) for rule in RULES],
        "common": common,
        "every": EVERY_SLUG,
        "may_change": may,
        "deliveries": _deliveries(),
    }
    return page(request, "vwed/pages/alert_rules.html", context)


def _line(rule: Rule, declared: Rule, row: AlertRule | None) -> dict[str, Any]:
    icon, tone, shape, word = words.LOOKS[rule.severity]
    return {
        "rule": rule,
        "title": words.title(rule.code),
        "icon": icon,
        "tone": tone,
        "shape": shape,
        "word": word,
        "threshold": "" if rule.switch else words.amount(rule.threshold, rule.unit),
        "margin": "" if rule.switch else words.amount(rule.clear_margin, rule.unit),
        "own": rules.receivers_of(row.receivers) if row is not None else (),
        "changed": row,
    }


def _deliveries() -> list[tuple[AlertDelivery, Any, Look, str]]:
    rows = AlertDelivery.objects.select_related("alert").order_by("-pk")[:DELIVERIES]
    return [
        (row, KINDS.get(row.kind, row.kind), STATES[row.state], words.title(row.alert.rule) if row.alert else "")
        for row in rows
    ]


def change(request: HttpRequest, code: str) -> HttpResponse:
    """One rule; a valid POST changes it."""
    real = EVERY_RULE if code == EVERY_SLUG else code
    if real != EVERY_RULE and real not in BY_CODE:
        raise Http404
    require(request, CHANGE, action="change_alert_rule", object_type="alert_rule", object_id=real)
    rule = BY_CODE.get(real)
    if request.method == "POST":
        form = RuleForm(request.POST, rule=rule)
        if form.is_valid() and _change(request, real, form):
            messages.success(request, _("The rule is changed; it holds from the next look on."))
            return HttpResponseRedirect(reverse("admin:alert_rules"))
        return _form(request, rule, form, status=422)
    row = AlertRule.objects.filter(code=real).first()
    names = ("enabled", "severity", "threshold", "hold_s", "clear_margin", "receivers")
    initial = {name: getattr(row, name) for name in names} if row is not None else {"enabled": True}
    return _form(request, rule, RuleForm(initial=initial, rule=rule))


def _change(request: HttpRequest, code: str, form: RuleForm) -> bool:
    reason, actor = form.cleaned_data["reason"], request.user.get_username()
    try:
        changing.change_rule(code, form.wanted(), reason=reason, actor=actor, origin="page")
    except Refused as refusal:
        form.add_error(None, f"{refusal.message} {refusal.remedy}".strip())
        return False
    return True


def _form(request: HttpRequest, rule: Rule | None, form: RuleForm, *, status: int = 200) -> HttpResponse:
    context = {
        "title": words.title(rule.code) if rule is not None else _("Receivers of every rule"),
        "rule": rule,
        "advice": words.advice(rule.code) if rule is not None else (),
        "form": form,
        "command": f"manage.py alerts set {rule.code if rule is not None else 'every'} --reason TEXT",
    }
    return page(request, "vwed/pages/alert_rule.html", context, status=status)


@require_POST
def test(request: HttpRequest, code: str) -> HttpResponse:
    """Send a test to the receivers of a rule."""
    real = EVERY_RULE if code == EVERY_SLUG else code
    require(request, CHANGE, action="test_alert_delivery", object_type="alert_rule", object_id=real)
    try:
        queued = changing.test_delivery(real, actor=request.user.get_username(), origin="page")
    except Refused as refusal:
        messages.error(request, f"{refusal.message} {refusal.remedy}")
    else:
        text = _("%(n)s messages are on their way; what became of them stands below in a few seconds.")
        messages.success(request, text % {"n": len(queued)})
    return HttpResponseRedirect(reverse("admin:alert_rules"))
