"""The list of blocks for the documentation, from the registry: ``python -m execution.blocklist > docs/blocks.md``."""

from __future__ import annotations

import sys

from execution import handlers
from execution.registry import REGISTRY, BlockSpec

_HEAD = """# Blocks

Generated from the registry (`python -m execution.blocklist > docs/blocks.md`). A star marks a parameter that must be
given. How to add one: [how-to/add-a-block.md](how-to/add-a-block.md).

| block | what it does | parameters | branches | outputs |
|---|---|---|---|---|
"""


def render() -> str:
    """The list as Markdown."""
    handlers.load()
    return _HEAD + "".join(_line(spec) for spec in REGISTRY)


def _line(spec: BlockSpec) -> str:
    names = [
        f"`{item.prefix}…`" if item.prefix else f"`{item.name}`{'*' if item.required else ''}"
        for item in spec.parameters
    ]
    cells = (
        f"`{spec.name}`",
        spec.doc.splitlines()[0],
        ", ".join(names),
        ", ".join(f"`{branch}`" for branch in spec.branches),
        ", ".join(f"`{output}`" for output in spec.outputs),
    )
    return "| " + " | ".join(cells) + " |\n"


if __name__ == "__main__":
    sys.stdout.write(render())
