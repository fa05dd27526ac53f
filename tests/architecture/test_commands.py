"""Every management command says what it does and has a test."""

from __future__ import annotations

import pytest
from django.core.management import load_command_class

from tests.architecture.sources import PACKAGES, ROOT, sources

COMMANDS = sorted(
    (path.stem, package)
    for package in PACKAGES
    for path in (ROOT / package / "management" / "commands").glob("*.py")
    if not path.stem.startswith("_")
)


@pytest.mark.parametrize(("name", "package"), COMMANDS)
def test_every_command_explains_itself(name: str, package: str) -> None:
    command = load_command_class(package, name)

    assert command.help.strip(), "Remedy: set `help`"
    assert name in command.create_parser("manage.py", name).format_help()


@pytest.mark.parametrize(("name", "package"), COMMANDS)
def test_every_command_has_a_test(name: str, package: str) -> None:
    calls = (f'"{name}"', f"'{name}'")
    tested = any(call in source.text for source in sources(tests=True) for call in calls)

    assert tested, f"Remedy: a test that calls {name!r}, under tests/commands/"
