"""Every change of a model has its migration, and the migrations of an app form one line."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from tests.architecture.sources import PACKAGES


def test_no_model_waits_for_its_migration() -> None:
    loader = MigrationLoader(None)
    detector = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps))
    changes = detector.changes(graph=loader.graph)
    missing = {
        app: [operation.describe() for migration in migrations for operation in migration.operations]
        for app, migrations in changes.items()
        if app in PACKAGES
    }

    assert not missing, f"Remedy: manage.py makemigrations\n{missing}"


@pytest.mark.parametrize("app", [app for app in PACKAGES if app != "execution"])
def test_the_migrations_of_an_app_form_one_line(app: str) -> None:
    loader = MigrationLoader(None)

    assert len(loader.graph.leaf_nodes(app)) <= 1, "Remedy: renumber the newer migration after the older one"
