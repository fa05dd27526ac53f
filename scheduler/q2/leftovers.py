"""django-q2's own tables: our runs leave nothing there, but other small tasks do, their failures for ever."""

from __future__ import annotations

from datetime import datetime

from django_q.models import OrmQ, Task

#: Results kept, the newest ones.
MOST_RESULTS = 10_000


def prune(before: datetime, batch: int) -> int:
    """Delete results that are older or too many, and packages that no cluster has taken since; how many.

    At most ``batch`` of each; the rest waits for the next call. A package that is being worked on is locked until
    later than now, so it is never one of them.
    """
    old = Task.objects.filter(stopped__lt=before).order_by("stopped").values_list("pk", flat=True)
    gone = set(old[:batch])
    newest_first = Task.objects.order_by("-stopped").values_list("pk", flat=True)
    gone |= set(newest_first[MOST_RESULTS : MOST_RESULTS + batch - len(gone)])
    waiting = list(OrmQ.objects.filter(lock__lt=before).order_by("pk").values_list("pk", flat=True)[:batch])
    # The queryset's delete() would look for dependants and send signals row by row; nothing refers to these rows.
    results = Task.objects.filter(pk__in=gone)._raw_delete("default") if gone else 0
    packages = OrmQ.objects.filter(pk__in=waiting)._raw_delete("default") if waiting else 0
    return int(results) + int(packages)
