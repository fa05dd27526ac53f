"""The project's own source files, parsed once for each test run."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("execution", "storage", "scheduler", "vwed")


@dataclass(frozen=True)
class Source:
    """One Python file: its dotted module name, path relative to the root, text and tree."""

    module: str
    path: str
    text: str
    tree: ast.Module

    def within(self, *prefixes: str) -> bool:
        """Whether the module is one of ``prefixes`` or below one."""
        return any(self.module == prefix or self.module.startswith(f"{prefix}.") for prefix in prefixes)


@lru_cache(maxsize=2)
def sources(tests: bool = False) -> tuple[Source, ...]:
    """Every Python file of the packages (or of ``tests``), migrations left out."""
    found = []
    for package in ("tests",) if tests else PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if "migrations" in parts:
                continue
            text = path.read_text(encoding="utf-8")
            module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found.append(Source(module, str(path.relative_to(ROOT)), text, ast.parse(text)))
    return tuple(found)


def imports(source: Source) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything a file imports, inside functions too; typing-only imports count."""
    package = source.module.split(".")
    if not source.path.endswith("__init__.py"):
        package = package[:-1]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{stem}.{alias.name}"


def tracked_files() -> list[Path]:
    """Files that are, or are about to be, in git; every file outside ignored folders where there is no git."""
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return [ROOT / line for line in done.stdout.splitlines() if (ROOT / line).is_file()]
    skipped = {".venv", "var", ".git", "__pycache__"}
    return [path for path in ROOT.rglob("*") if path.is_file() and not skipped & set(path.parts)]
