"""The rules in words: title, sentence and what to do. Rows hold codes, names and numbers; here they become text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from vwed.alerts.rules import BY_CODE, CRITICAL, INFORMATION, WARNING
from vwed.console import formats
from vwed.models import Alert

Text = str | Promise


class Words(NamedTuple):
    """Of one rule: what it is called, what is the case (with the names of the alert's arguments), what to do."""

    title: Text
    sentence: Text
    advice: tuple[Text, Text, Text]


#: Icon, tone, shape and word of each severity.
LOOKS: Mapping[str, tuple[str, str, str, Promise]] = {
    CRITICAL: ("report", "bad", "filled", pgettext_lazy("severity", "Critical")),
    WARNING: ("warning", "wait", "border", pgettext_lazy("severity", "Warning")),
    INFORMATION: ("info", "active", "border", pgettext_lazy("severity", "Information")),
}

WORDS: Mapping[str, Words] = {
    "no_cluster": Words(
        _("Nothing runs: no worker is alive"),
        _("No worker of any cluster is alive; runs wait until one is."),
        (
            _("Start a cluster: manage.py cluster, or the service that runs it."),
            _("If one is running: look at its log for why its workers end."),
            _("Nothing is lost: runs go on where they were."),
        ),
    ),
    "fleet_silent": Words(
        _("Fleet does not answer"),
        _("The robot fleet does not answer: %(error)s. Open orders: %(n)s."),
        (
            _("Check that the fleet runs and that FLEET_URL is its address."),
            _("From this host: does the address answer at all?"),
            _("Orders are kept; they go on by themselves when it answers."),
        ),
    ),
    "server_connections": Words(
        _("Database server nearly full"),
        _("The database server has %(n)s of %(of)s connections open (%(value)s, limit %(threshold)s)."),
        (
            _("Look at who holds them: SHOW PROCESSLIST, or manage.py db_connections."),
            _("End what hangs; run fewer web processes or workers."),
            _("Or raise max_connections of the server: each costs memory there."),
        ),
    ),
    "disk": Words(
        _("Disk nearly full"),
        _("The volume of %(volume)s on %(host)s is %(value)s full; %(free)s MB are free."),
        (
            _("Free space: logs, old back-ups, other programs' files."),
            _("Shorten how long rows are kept (settings, retention)."),
            _("When it is full, nothing can be written: every run stops where it is."),
        ),
    ),
    "process_died": Words(
        _("A process died"),
        _("%(process)s (%(seat)s) died: %(cause)s. Deaths in the last hour: %(n)s."),
        (
            _("Its run goes on from its last checkpoint; no action is needed for one death."),
            _("“killed by SIGKILL” without a person: the system was out of memory, see its log."),
            _("If it comes again: which run did it execute? Pause that definition."),
        ),
    ),
    "queue_age": Words(
        _("Runs wait too long for a worker"),
        _("Queue %(queue)s: the oldest of %(n)s ready runs has waited %(value)s (limit %(threshold)s)."),
        (
            _("Is a cluster alive that serves this queue? See Services."),
            _("If its workers are all busy: start a cluster with more workers."),
            _("If one definition floods the queue: pause it, or give it a queue of its own."),
        ),
    ),
    "failure_rate": Words(
        _("Many runs fail"),
        _("%(n)s of %(of)s runs that ended in the last hour failed (%(value)s, limit %(threshold)s)."),
        (
            _("Open the failed runs: the reason stands on each."),
            _("The same reason everywhere: another system is down, or a definition was changed."),
            _("Bring back the earlier version of the definition if it was."),
        ),
    ),
    "stuck_run": Words(
        _("A run does not move"),
        _("Run %(record)s has been in block %(block)s for %(value)s; %(process)s executes it."),
        (
            _("Open the run: what does its block do?"),
            _("Cancel the run if the block will not end."),
            _("If the worker does not let go of it, recycle the worker."),
        ),
    ),
    "overdue_run": Words(
        _("A run should have gone on"),
        _("Run %(record)s should have gone on %(value)s ago and nobody took it."),
        (
            _("Is a cluster alive that serves its queue? See Services."),
            _("Do the clocks of the hosts and of the database agree?"),
            _("If one is alive: look at its log; restart it, nothing is lost."),
        ),
    ),
    "undecided_run": Words(
        _("Runs wait for a decision"),
        _("%(n)s runs wait for a person; the oldest for %(value)s."),
        (
            _("Open them: the failed block and its reason are shown."),
            _("Continue, skip the block, start again, or cancel."),
            _("Locations and robots that they hold stay held until then."),
        ),
    ),
    "memory_total": Words(
        _("Much memory in all"),
        _("All processes together hold %(value)s (limit %(threshold)s)."),
        (
            _("Which process holds it? See Services, and the chart on the Overview."),
            _("One that grows: the leak watch names what grows in it."),
            _("Recycle the worker; it gives everything back."),
        ),
    ),
    "memory_growth": Words(
        _("Memory grows"),
        _("Memory of %(subject)s grows by %(value)s to %(high)s MB a day. What grows: %(growers)s. From: %(blame)s."),
        (
            _("What grows and which block leaves it is named above, as far as it is known."),
            _("Recycling workers keeps it small until the cause is mended."),
            _("Compare two heap snapshots of the process on the Memory page."),
        ),
    ),
    "runs_growth": Words(
        _("Runs leave memory behind"),
        _("1,000 runs leave %(value)s to %(high)s blocks of memory behind. What grows: %(growers)s. From: %(blame)s."),
        (
            _("The definition and the block type that leave most are named above."),
            _("Recycling workers hides it and does not mend it."),
            _("Compare two heap snapshots of a worker on the Memory page."),
        ),
    ),
    "context_alive": Words(
        _("An ended run is still in memory"),
        _("%(process)s keeps the contexts of %(value)s ended runs. Held by: %(types)s."),
        (
            _("It is a fault of the program: please report it with the names above."),
            _("The log of the worker tells which run it was."),
            _("Recycle the worker; it gives everything back."),
        ),
    ),
    "pool_in_use": Words(
        _("Connection pool nearly empty"),
        _("%(process)s uses %(n)s of %(of)s connections of its pool (%(value)s, limit %(threshold)s)."),
        (
            _("Many people at once, or slow queries? See the database's process list."),
            _("Start a further web process, or allow a larger pool."),
            _("When it is empty, pages answer late or with a message to try again."),
        ),
    ),
    "pool_waits": Words(
        _("Pages wait for connections"),
        _("%(process)s: %(value)s requests of the last minute had to wait for a connection (limit %(threshold)s)."),
        (
            _("Many people at once, or slow queries? See the database's process list."),
            _("Start a further web process, or allow a larger pool."),
            _("It is harmless while it is rare."),
        ),
    ),
    "service_failed": Words(
        _("A periodic service fails"),
        _("Service %(service)s failed the last time: %(error)s."),
        (
            _("The others go on; this one is tried again by itself."),
            _("The log of the io process has the whole error."),
            _("A database that is full or locked is the usual cause."),
        ),
    ),
    "delivery_failed": Words(
        _("Alerts do not reach their receivers"),
        _("%(value)s messages of the last hour could not be delivered, the last one to %(target)s: %(error)s."),
        (
            _("Check EMAIL_URL, or the webhook's address, on the page of the rules."),
            _("Use Test delivery there; the outcome stands below it."),
            _("Until then alerts are only shown here."),
        ),
    ),
}


class _Known(dict[str, Any]):
    """Arguments of a sentence; one that is not known is a dash."""

    def __missing__(self, key: str) -> str:
        return gettext("–")


def title(code: str) -> str:
    """What a rule is called; an unknown code stands for itself."""
    return str(WORDS[code].title) if code in WORDS else code


def advice(code: str) -> tuple[str, ...]:
    """What to do, three lines."""
    return tuple(str(line) for line in WORDS[code].advice) if code in WORDS else ()


def severity(code: str) -> str:
    """The word of a severity."""
    return str(LOOKS[code][3]) if code in LOOKS else code


def sentence(alert: Alert) -> str:
    """What is the case, with the newest values."""
    if alert.rule not in WORDS:
        return f"{alert.rule} {alert.object_key}".strip()
    unit = BY_CODE[alert.rule].unit
    values = {name: value for name, value in alert.args.items() if value not in ("", None)}
    shown = {"value": amount(alert.value, unit), "threshold": amount(alert.threshold, unit)}
    return str(WORDS[alert.rule].sentence) % _Known({**values, **shown})


def amount(value: float | None, unit: str) -> str:
    """A value of a rule with its unit."""
    if value is None:
        return gettext("–")
    match unit:
        case "%":
            return f"{value:.1f} %" if value < 10 else f"{value:.0f} %"
        case "s":
            return formats.duration(value)
        case "MB":
            return formats.megabytes(value * 1e6)
        case "MB/day":
            return pgettext("growth", "%(n)s MB a day") % {
                "n": f"{value:.1f}" if value >= 0.1 or not value else f"{value:.3f}"
            }
        case _:
            return formats.count(value)


def unit_word(unit: str) -> str:
    """The unit beside a field."""
    words = {
        "s": gettext("seconds"),
        "MB/day": gettext("MB a day"),
        "blocks": gettext("blocks per 1,000 runs"),
        "contexts": gettext("contexts"),
        "waits": gettext("a minute"),
        "deliveries": gettext("messages"),
    }
    return words.get(unit, unit)
