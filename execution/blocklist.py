"""``docs/blocks.md``, from the registry: ``python -m execution.blocklist > docs/blocks.md``."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from execution import handlers
from execution.examples import example_of
from execution.parameters import ParameterSpec, kind_of
from execution.registry import REGISTRY, BlockSpec

_HEAD = """# Blocks

Generated from the registry (`python -m execution.blocklist > docs/blocks.md`).
How to add one: [how-to/add-a-block.md](how-to/add-a-block.md).

A parameter is given as `Simple` (trimmed text), `Expression` (evaluated when the block starts) or `Key-Value` (rows of
key and value). One that is left out, empty or of another type is nothing. Where it says *must*, a definition without
the parameter is refused; *should*: it is accepted with a warning, and the block refuses to run. What a parameter is
given becomes the kind it wants:

| kind | what is taken |
|---|---|
| text | any value, in its text form: `true`, `2.0`, `[a, b]` |
| true or false, condition | only the text `true`, in any case, is true; everything else is not |
| whole number | also as text, or a number without a fraction; at most 64 bits |
| number | also as text; not `NaN`, not infinite |
| milliseconds | a whole number from 0 to ten years |
| list | also a text that holds one as JSON |

Outputs are read by later expressions as `blocks.<name>.<output>`. A block that fails interrupts its task (1006) unless
a TryCatchBp catches it; an error marked **ends the task** leaves it failed (1004) instead.

Any block can also fail with these:

| code | when |
|---|---|
"""

_COMMON = {
    "block.expression": "an expression cannot be evaluated",
    "block.parameter": "a parameter's value is not of the kind it wants; the message names parameter and value",
    "run.too-many-steps": "more steps without waiting than the setting allows; **ends the task**, uncaught",
    "block.too-deep": "its blocks are nested deeper than the depth limit",
    "context.too-large": "what the run keeps would grow beyond the context limit",
    "context.too-deep": "a value that is to be kept is nested too deeply",
    "wait_withdrawn": "an operator ended the wait for a location; the message has the reason",
    "block.internal": "a fault of the program: report it with the task file",
}


def render() -> str:
    """The page as Markdown."""
    handlers.load()
    families = [(module, list(specs)) for module, specs in groupby(sorted(REGISTRY, key=_place), key=_module)]
    common = "".join(f"| `{code}` | {when} |\n" for code, when in _COMMON.items())
    contents = "".join(_contents(module, specs) for module, specs in families)
    return _HEAD + common + "\n## Contents\n\n" + contents + "".join(_family(*family) for family in families)


def _module(spec: BlockSpec) -> str:
    return spec.handler.__module__


def _place(spec: BlockSpec) -> tuple[str, str]:
    return _module(spec), spec.name


def _title(module: str) -> str:
    return module.rpartition(".")[2].replace("_", " ").capitalize()


def _anchor(heading: str) -> str:
    """What readers of Markdown make of a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _contents(module: str, specs: Iterable[BlockSpec]) -> str:
    links = ", ".join(f"[{spec.name}](#{_anchor(spec.name)})" for spec in specs)
    return f"* **{_title(module)}**: {links}\n"


def _family(module: str, specs: Iterable[BlockSpec]) -> str:
    doc = inspect.getdoc(sys.modules[module]) or ""
    return f"\n## {_title(module)}\n\n{_markdown(doc)}\n" + "".join("".join(_block(spec)) for spec in specs)


def _block(spec: BlockSpec) -> Iterator[str]:
    yield f"\n### `{spec.name}`\n\n{_markdown(spec.doc)}\n"
    if spec.branches:
        yield f"\nBranches: {', '.join(f'`{branch}`' for branch in spec.branches)}.\n"
    if spec.parameters:
        yield "\n| parameter | kind | given | meaning |\n|---|---|---|---|\n"
        yield from (_parameter(item) for item in spec.parameters)
    if spec.outputs:
        yield "\n| output | meaning |\n|---|---|\n"
        yield from (f"| `{name}` | {_cell(spec.meanings.get(name, ''))} |\n" for name in spec.outputs)
    if spec.errors:
        yield "\n| error | when |\n|---|---|\n"
        yield from (f"| `{code}` | {_cell(when)} |\n" for code, when in spec.errors.items())
    if spec.example is not None:
        place = f" (inside `{spec.within}`)" if spec.within else ""
        yield f"\nExample{place}:\n\n```json\n{_json(example_of(spec))}\n```\n"


def _parameter(item: ParameterSpec) -> str:
    name = item.name if item.prefix is None else f"{item.prefix}…"
    given = "must" if item.required else "should" if item.advised else "may"
    return f"| `{name}` | {kind_of(item)} | {given} | {_cell(item.help)} |\n"


def _json(value: Any, margin: str = "") -> str:
    """JSON as a person writes it: what fits a line stands in one."""
    short = json.dumps(value, ensure_ascii=False)
    if len(margin) + len(short) <= 100 or not value or not isinstance(value, dict | list):
        return short
    inner = margin + "  "
    if isinstance(value, list):
        return "[\n" + ",\n".join(inner + _json(item, inner) for item in value) + f"\n{margin}]"
    lines = [f"{inner}{json.dumps(key)}: {_json(item, inner)}" for key, item in value.items()]
    return "{\n" + ",\n".join(lines) + f"\n{margin}}}"


def _markdown(text: str) -> str:
    return text.replace("``", "`")


def _cell(text: str) -> str:
    return _markdown(text).replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(render())
