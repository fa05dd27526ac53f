"""Lists that stay fast at a million rows: keyset pages, a bounded count, filters and search that use an index.

Django's change list counts everything and skips rows by OFFSET; this one reads one page, whatever its number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest
from django.utils.functional import Promise

from vwed.console import formats

PAGE = 50
#: Rows that are counted at most; more are shown as "10 000+".
COUNT_LIMIT = 10_000

Rows = QuerySet[Any]


@dataclass(frozen=True, slots=True)
class Filter:
    """One choice above a list. ``apply`` gets the chosen value, which is always one of ``choices``."""

    name: str
    title: str | Promise
    choices: Sequence[tuple[str, str | Promise]]
    apply: Callable[[Rows, str], Rows]


@dataclass(frozen=True, slots=True)
class Search:
    """The search field: what it looks for, and how."""

    hint: str | Promise
    apply: Callable[[Rows, str], Rows]


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of a filter as the page shows it."""

    value: str
    title: str | Promise
    chosen: bool


@dataclass
class Listing:
    """One page of a list. ``order`` is a unique column, with ``-`` for newest first."""

    request: HttpRequest
    queryset: Rows
    order: str = "-pk"
    filters: Sequence[Filter] = ()
    search: Search | None = None
    page: int = PAGE
    rows: list[Any] = field(init=False)
    more_before: bool = field(init=False, default=False)
    more_after: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.rows = self._read()

    @property
    def query(self) -> str:
        """What was searched for."""
        return self.request.GET.get("q", "").strip()[:200] if self.search else ""

    @cached_property
    def chosen(self) -> dict[str, str]:
        """Valid values of the filters that are set."""
        found = {}
        for item in self.filters:
            value = self.request.GET.get(item.name, "")
            if value and any(value == choice for choice, _ in item.choices):
                found[item.name] = value
        return found

    @property
    def narrowed(self) -> bool:
        """Whether a filter or a search is set."""
        return bool(self.chosen or self.query)

    @cached_property
    def matching(self) -> Rows:
        """Everything that matches, without order or page."""
        rows = self.queryset
        for item in self.filters:
            if item.name in self.chosen:
                rows = item.apply(rows, self.chosen[item.name])
        if self.search and self.query:
            rows = self.search.apply(rows, self.query)
        return rows

    @cached_property
    def total(self) -> str:
        """Number of matches, bounded. One query."""
        found = self.matching.order_by().values("pk")[: COUNT_LIMIT + 1].count()
        return f"{formats.count(COUNT_LIMIT)}+" if found > COUNT_LIMIT else formats.count(found)

    @property
    def shown_filters(self) -> list[dict[str, Any]]:
        """Filters with their options, for the template."""
        return [
            {
                "name": item.name,
                "title": item.title,
                "options": [Option(v, t, self.chosen.get(item.name) == v) for v, t in item.choices],
            }
            for item in self.filters
        ]

    def _read(self) -> list[Any]:
        column = self.order.lstrip("-")
        descending = self.order.startswith("-")
        after, before = self.request.GET.get("after"), self.request.GET.get("before")
        backwards = before is not None and after is None
        edge = before if backwards else after
        rows = self.matching
        if edge is not None and (edge.isdigit() or column not in ("pk", "id")):
            rows = rows.filter(**{f"{column}__{'lt' if descending != backwards else 'gt'}": edge})
        order = self.order if not backwards else (column if descending else f"-{column}")
        found = list(rows.order_by(order)[: self.page + 1])
        more, found = len(found) > self.page, found[: self.page]
        if backwards:
            found.reverse()
        self.more_before = more if backwards else edge is not None
        self.more_after = True if backwards else more
        return found

    def _url(self, **position: Any) -> str:
        query = self.request.GET.copy()
        for name in ("after", "before"):
            query.pop(name, None)
        for name, value in position.items():
            query[name] = str(value)
        return f"?{query.urlencode()}"

    @property
    def next_url(self) -> str:
        """Address of the following page, empty at the end."""
        return self._url(after=self._edge(self.rows[-1])) if self.more_after and self.rows else ""

    @property
    def previous_url(self) -> str:
        """Address of the page before, empty at the beginning."""
        return self._url(before=self._edge(self.rows[0])) if self.more_before and self.rows else ""

    def _edge(self, row: Any) -> Any:
        return getattr(row, self.order.lstrip("-"))


def containing(rows: Rows, column: str, text: str) -> Rows:
    """Rows whose ``column`` contains ``text`` in any case, whatever the column's collation. For small tables only."""
    found: Rows = rows.annotate(lowered=Lower(column)).filter(lowered__contains=text.lower())
    return found


def begins_with(column: str, text: str) -> Q:
    """``column`` begins with ``text``, as a range that every database answers from an ordinary index."""
    return Q(**{f"{column}__gte": text, f"{column}__lt": text + "\uffff"})
