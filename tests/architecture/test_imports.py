"""Imports point downwards (ARCHITECTURE.md, sections 1 and 4). The table below is the rule."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.architecture.sources import Source, imports, sources


@dataclass(frozen=True)
class Rule:
    """``group`` must not import ``forbidden``, ``allowed`` excepted; ``except_for``: modules with another rule."""

    name: str
    group: tuple[str, ...]
    forbidden: tuple[str, ...]
    remedy: str
    except_for: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()


WEB = ("vwed", "channels", "unfold", "django.contrib.admin")
CLUSTER = ("django_q",)
#: `fields` and `constraints` of the ORM are of no use to the engine either.
ORM = ("django.db", "django.contrib", "django.apps", "django.core.cache", "MySQLdb", "sqlite3")

RULES = (
    Rule(
        "storage knows none of our packages",
        ("storage",),
        ("execution", "scheduler", *WEB, *CLUSTER),
        "let the caller pass what is needed (a holder is a text), or move the code to scheduler/commands/sites.py",
        except_for=("storage.admin",),
    ),
    Rule(
        "execution never sees tables, the cluster or the other packages",
        ("execution",),
        (*ORM, "storage", "scheduler", *WEB, *CLUSTER),
        "define a port in execution/ports.py and implement it in scheduler/port.py",
    ),
    Rule(
        "handlers do not know who runs them",
        ("execution.handlers",),
        ("execution.walker", "execution.run", "execution.testing", "execution.port"),
        "yield an effect (execution/effects.py); the walker carries it out",
    ),
    Rule(
        "rows and states know no service",
        ("scheduler.models", "scheduler.states"),
        ("storage", "execution.walker", "execution.handlers", *WEB, *CLUSTER),
        "move the rule into a service of scheduler/ that reads the model",
        # A column type, not a rule: texts compare alike on every database.
        allowed=("storage.models.fields",),
    ),
    Rule(
        "scheduler does not know the web layer, and only scheduler/q2 knows django_q",
        ("scheduler",),
        (*WEB, *CLUSTER),
        "values come in through scheduler/conf.py; code that needs django_q belongs into scheduler/q2/",
        except_for=("scheduler.q2", "scheduler.admin"),
    ),
    Rule(
        "scheduler/q2 is a leaf",
        ("scheduler.q2",),
        WEB,
        "pass values in, or move the code to vwed/",
    ),
    Rule(
        "the web layer reaches the cluster through scheduler/q2",
        ("vwed", "scheduler.admin", "storage.admin"),
        CLUSTER,
        "call a function of scheduler/q2/",
    ),
    Rule(
        "the product does not import its tests",
        ("execution", "storage", "scheduler", "vwed"),
        ("tests", "pytest"),
        "move the shared code into the package (execution/testing.py is the example)",
    ),
)


def _below(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def violations(rule: Rule, files: tuple[Source, ...]) -> list[str]:
    """Lines that break ``rule``."""
    return [
        f"{source.path}:{line} imports {name}"
        for source in files
        if source.within(*rule.group) and not source.within(*rule.except_for)
        for line, name in imports(source)
        if _below(name, rule.forbidden) and not _below(name, rule.allowed)
    ]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_imports_point_downwards(rule: Rule) -> None:
    found = violations(rule, sources())

    assert not found, f"Rule: {rule.name}.\nRemedy: {rule.remedy}.\n" + "\n".join(found)


def test_every_group_of_the_table_exists() -> None:
    known = {source.module for source in sources()}

    for package in ("execution", "storage", "scheduler", "vwed", "scheduler.q2"):
        assert package in known, f"{package} is gone: the table in this file protects nothing any more"


def test_a_forbidden_import_is_seen_in_every_spelling() -> None:
    import ast

    texts = (
        "import django.db",
        "from django import db",
        "from django.db import models",
        "def f():\n    from django.db.models import Q",
        "from scheduler.models import TaskRecord",
        "from .. import scheduler",
    )
    rule = next(rule for rule in RULES if rule.group == ("execution",))
    for text in texts:
        source = Source("execution.inner.probe", "execution/inner/probe.py", text, ast.parse(text))
        relative = text.startswith("from ..")
        assert bool(violations(rule, (source,))) is not relative, text


def test_migrations_import_no_service() -> None:
    import ast

    from tests.architecture.sources import PACKAGES, ROOT

    # Own field classes are part of a column.
    allowed = (
        "django",
        "scheduler.states",
        "storage.states",
        "storage.models.fields",
        "scheduler.models.fields",
        "datetime",
        "decimal",
        "uuid",
        "__future__",
    )
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("migrations/*.py")):
            text = path.read_text(encoding="utf-8")
            source = Source(f"{package}.migrations.{path.stem}", str(path), text, ast.parse(text))
            found += [
                f"{path.name}:{line} imports {name}" for line, name in imports(source) if not _below(name, allowed)
            ]

    assert not found, "Remedy: a migration uses apps.get_model and plain values only.\n" + "\n".join(found)
