"""Every handler is listed, documented and tested."""

from __future__ import annotations

import importlib
import re

from tests.architecture.sources import ROOT, sources

_HANDLERS = ROOT / "execution" / "handlers"
_DECORATED = re.compile(r"""@block\(\s*["'](\w+)["']""")


def _registered() -> dict[str, str]:
    """Block type → file, read from the decorators."""
    return {
        name: source.path
        for source in sources()
        if source.within("execution.handlers")
        for name in _DECORATED.findall(source.text)
    }


def _require_handlers() -> dict[str, str]:
    names = _registered()
    assert len(names) >= 24, "the decorators are not found: does the reader still fit the sources?"
    return names


def test_every_family_on_disk_is_imported_in_one_place() -> None:
    _require_handlers()
    importlib.import_module("execution.handlers")
    listed = (_HANDLERS / "__init__.py").read_text(encoding="utf-8")
    families = {path.stem for path in _HANDLERS.glob("*.py")} - {"__init__", "base"}
    forgotten = {family for family in families if not re.search(rf"\b{family}\b", listed)}

    assert not forgotten, f"Remedy: name the family in execution/handlers/__init__.py: {sorted(forgotten)}"


def test_every_block_is_documented() -> None:
    names = _require_handlers()
    page = ROOT / "docs" / "blocks.md"
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    missing = sorted(name for name in names if f"`{name}`" not in text)

    assert not missing, f"Remedy: a line for each in docs/blocks.md: {missing}"


def test_every_block_has_a_test() -> None:
    names = _require_handlers()
    tests = "\n".join(source.text for source in sources(tests=True))
    missing = sorted(name for name in names if name not in tests)

    assert not missing, f"Remedy: a test of its behaviour under tests/unit/execution: {missing}"
