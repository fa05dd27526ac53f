"""Nothing of one machine or one registry in the repository; tests wait for conditions, not for time."""

from __future__ import annotations

import ast
import re

from tests.architecture.sources import ROOT, sources, tracked_files

_TEXT = {
    *(".py", ".md", ".txt", ".toml", ".html", ".js", ".css", ".json", ".task", ".po", ".cfg", ".ini", ".yml", ".yaml"),
    *(".sh", ".example", ".conf", ".service", ""),
}
#: Home and work folders of people and machines.
_MACHINE = re.compile(r"(?<![\w.:/])/(?:work|root|home|Users)/\w")
#: Where packages come from is the machine's business (pip's own settings), never the project's.
_REGISTRY = re.compile(r"pypi\.|pythonhosted|npmjs|extra-index-url|index-url|find-links")


def _lines(pattern: re.Pattern[str]) -> list[str]:
    found = []
    for path in tracked_files():
        if path.suffix not in _TEXT or path.name == "test_hygiene.py" or not path.is_file():
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [
            f"{path.relative_to(ROOT)}:{number} {line.strip()[:100]}"
            for number, line in enumerate(text.splitlines(), start=1)
            if pattern.search(line)
        ]
    return found


def test_no_path_of_one_machine() -> None:
    found = _lines(_MACHINE)

    assert not found, "Remedy: paths relative to the project root, or from the environment.\n" + "\n".join(found)


def test_no_address_of_a_registry() -> None:
    found = _lines(_REGISTRY)

    assert not found, "Remedy: leave the address to the settings of pip.\n" + "\n".join(found)


def test_tests_wait_for_conditions() -> None:
    found = [
        f"{source.path}:{node.lineno}"
        for source in sources(tests=True)
        if source.module != "tests.support.waiting" and not source.within("tests.benchmarks")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"time.sleep", "sleep"}
    ]

    assert not found, "Remedy: tests.support.waiting.wait_until(predicate, timeout, describe).\n" + "\n".join(found)


def test_the_environment_is_read_in_one_place() -> None:
    found = [
        f"{source.path}:{node.lineno}"
        for source in sources()
        if source.module not in {"vwed.env", "vwed.asgi", "vwed.supervisor.children"}
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {"os.environ", "os.getenv"}
    ]

    assert not found, "Remedy: a typed reader in vwed/settings.py through vwed/env.py.\n" + "\n".join(found)
