"""docs/troubleshooting.md speaks of codes, settings and commands that exist."""

from __future__ import annotations

import ast
import re
from dataclasses import fields

from scheduler.conf import Values
from tests.architecture.sources import ROOT, sources

_TEXT = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
_CODE = re.compile(r"`([a-z]+(?:[._-][a-z]+)+)`")
_COMMAND = re.compile(r"manage\.py (\w+)")


def test_every_code_and_setting_exists() -> None:
    texts = {
        node.value
        for source in sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    settings = {field.name for field in fields(Values)}
    named = set(_CODE.findall(_TEXT))

    assert len(named) > 25, "the page is not read as it should be"
    assert not named - texts - settings, f"nothing says {sorted(named - texts - settings)}"


def test_every_command_exists() -> None:
    folder = ROOT / "vwed" / "management" / "commands"
    missing = {name for name in _COMMAND.findall(_TEXT) if not (folder / f"{name}.py").exists()} - {"migrate"}

    assert not missing


def test_a_code_is_explained_once() -> None:
    first = [line.split("|")[1] for line in _TEXT.splitlines() if line.startswith("| ")]
    codes = [code for cell in first for code in _CODE.findall(cell)]

    assert len(codes) == len(set(codes))
