"""The README says what is there: its links lead somewhere, its commands exist, both languages tell the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGES, ROOT

READMES = ("README.md", "README.zh-CN.md")
_LINK = re.compile(r"\]\(([^)#:]+)\)")
_COMMAND = re.compile(r"manage\.py (\w+)")
_TARGET = re.compile(r"^make (\w+)", re.MULTILINE)
#: Django's own.
BUILT_IN = {"migrate"}


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _commands() -> set[str]:
    folders = [ROOT / package / "management" / "commands" for package in PACKAGES]
    return {path.stem for folder in folders for path in folder.glob("*.py") if not path.stem.startswith("_")}


@pytest.mark.parametrize("name", [*READMES, "ARCHITECTURE.md", "CHANGELOG.md"])
def test_every_link_leads_to_a_file(name: str) -> None:
    missing = [link for link in _LINK.findall(_text(name)) if not Path(ROOT / link).exists()]

    assert not missing, f"{name} links to what is not there: {missing}"


@pytest.mark.parametrize("name", READMES)
def test_every_command_of_the_readme_exists(name: str) -> None:
    named = set(_COMMAND.findall(_text(name)))

    assert named - BUILT_IN <= _commands()


def test_every_command_is_in_the_readme() -> None:
    missing = _commands() - set(_COMMAND.findall(_text("README.md")))

    assert not missing, f"Remedy: a line in README.md and README.zh-CN.md: {sorted(missing)}"


@pytest.mark.parametrize("name", READMES)
def test_every_make_target_of_the_readme_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", _text("Makefile"), re.MULTILINE))

    assert {"help", "setup", "run", "test", "lint", "bench", "soak"} <= targets
    assert set(_TARGET.findall(_text(name))) <= targets


def test_both_readmes_have_the_same_shape() -> None:
    english, chinese = (_text(name) for name in READMES)

    assert english.count("\n## ") == chinese.count("\n## ")
    assert _COMMAND.findall(english) == _COMMAND.findall(chinese)
    assert english.count("\n| ") == chinese.count("\n| ")
