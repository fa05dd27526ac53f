"""The state diagram in ARCHITECTURE.md is the table in scheduler/states.py."""

from __future__ import annotations

import re

from scheduler.states import FACES, TRANSITIONS, Status
from tests.architecture.sources import ROOT

_ARROW = re.compile(r"^\s*(\w+)\s*-->\s*(\w+)", re.MULTILINE)


def diagram_arrows(text: str) -> set[tuple[str, str]] | None:
    """Arrows between states of the first ``stateDiagram`` that mentions ``claimed``; ``None`` without one."""
    for block in re.findall(r"```mermaid\s*\n(.*?)```", text, re.DOTALL):
        if "stateDiagram" in block and "claimed" in block:
            return set(_ARROW.findall(block))
    return None


def test_the_diagram_shows_exactly_the_legal_moves() -> None:
    drawn = diagram_arrows((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    assert drawn is not None, "ARCHITECTURE.md has no stateDiagram of the record"
    legal = {(str(before), str(after)) for before, targets in TRANSITIONS.items() for after in targets}

    assert drawn == legal, f"not drawn: {sorted(legal - drawn)}; drawn but not legal: {sorted(drawn - legal)}"


def test_every_state_has_moves_and_a_face() -> None:
    assert set(TRANSITIONS) == set(Status)
    assert set(FACES) == set(Status)


def test_the_arrow_reader_reads_arrows() -> None:
    text = "```mermaid\nstateDiagram-v2\n  [*] --> ready\n  ready --> claimed: a cluster\n```"

    assert diagram_arrows(text) == {("ready", "claimed")}
