"""Which line of a chart a process belongs to: a role on a host, for workers a seat; it outlives the processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from scheduler.models import ProcessRow
from vwed.models import ProcessSeries

#: Characters of a host's name in the name of a series.
HOST_CHARACTERS = 64


def base_name(role: str, seat: int) -> str:
    """The name of a series without its host."""
    return f"{role} {seat}" if seat else role


def known_series() -> dict[str, ProcessSeries]:
    """Every series by its name. One query."""
    return {series.name: series for series in ProcessSeries.objects.all()}


def assign(rows: Iterable[ProcessRow], known: Mapping[str, ProcessSeries]) -> dict[int, str]:
    """The series' name of each live process, by the key of its row.

    The host stands in front only where a role lives on several hosts, and then not for the one that had the line
    first: lines go on when a host joins or leaves. Several processes of one seat: in one cluster the newest sits there
    (the other is dead and not closed yet, and gets no name); else they are numbered by age.
    """
    newest = {(row.host, row.boot_id, row.role, row.seat): row for row in sorted(rows, key=_age)}
    hosts: dict[str, set[str]] = {}
    for row in newest.values():
        hosts.setdefault(row.role, set()).add(row.host)
    names: dict[int, str] = {}
    taken: Counter[str] = Counter()
    for row in sorted(newest.values(), key=_age):
        name = _name(row, hosts[row.role], known)
        taken[name] += 1
        names[row.pk] = name if taken[name] == 1 else f"{name} #{taken[name]}"
    return names


def name_of_gone(row: ProcessRow, known: Mapping[str, ProcessSeries]) -> str:
    """The series' name of a process that has ended."""
    return _name(row, {row.host}, known)


def _age(row: ProcessRow) -> int:
    return int(row.pk)


def _name(row: ProcessRow, hosts: Collection[str], known: Mapping[str, ProcessSeries]) -> str:
    base = base_name(row.role, row.seat)
    holder = known.get(base)
    if holder is not None and holder.host == row.host:
        return base
    unnamed = [host for host in hosts if _on(host, base) not in known]
    if (holder is None or holder.host not in hosts) and unnamed and row.host == min(unnamed):
        return base
    return _on(row.host, base)


def _on(host: str, base: str) -> str:
    return f"{host[:HOST_CHARACTERS]}/{base}"
