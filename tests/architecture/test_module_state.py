"""No mutable state at module level: worker processes live for thousands of runs, and whatever a module keeps, stays."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.architecture.sources import Source, sources

#: Objects that exist to be filled. A bounded cache belongs to the object that owns it.
_CONTAINERS = {
    *("list", "dict", "set", "bytearray", "deque", "defaultdict", "OrderedDict", "Counter", "ChainMap"),
    *("WeakSet", "WeakValueDictionary", "WeakKeyDictionary", "LRUCache", "TTLCache", "LFUCache", "local", "Local"),
    *("Queue", "SimpleQueue", "Lock", "RLock", "Event", "Condition", "Semaphore", "count", "cycle"),
}
_LITERALS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
_CHANGES = {
    *("append", "extend", "insert", "remove", "pop", "popitem", "clear", "update", "setdefault", "add", "discard"),
    *("appendleft", "popleft", "sort", "reverse"),
}
#: Names that Django or Python read from a module and nobody writes.
_BY_CONVENTION = {"__all__", "urlpatterns", "websocket_urlpatterns", "dependencies", "operations"}
#: Modules whose whole purpose is configuration as upper-case names.
_CONFIGURATION = ("vwed.settings",)


def _called(node: ast.expr) -> str:
    if not isinstance(node, ast.Call):
        return ""
    function = node.func
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )


def _module_names(tree: ast.Module) -> Iterator[tuple[str, ast.expr, int]]:
    for node in tree.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value, node.lineno
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            yield node.target.id, node.value, node.lineno


def _changes(tree: ast.Module, names: set[str]) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGES:
            if isinstance(node.func.value, ast.Name) and node.func.value.id in names:
                yield node.lineno, f"{node.func.value.id}.{node.func.attr}(…)"
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            if isinstance(node.value, ast.Name) and node.value.id in names:
                yield node.lineno, f"{node.value.id}[…] is written"
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and node.target.id in names:
            yield node.lineno, f"{node.target.id} is changed"


def faults(source: Source) -> list[str]:
    """Module-level state of one file, as sentences."""
    constants: set[str] = set()
    found = []
    for name, value, line in _module_names(source.tree):
        if name in _BY_CONVENTION:
            continue
        if isinstance(value, _LITERALS):
            constants.add(name)
            if name.strip("_") != name.strip("_").upper():
                found.append(f"{source.path}:{line} {name}: a mutable object with a variable's name")
        elif _called(value) in _CONTAINERS:
            found.append(f"{source.path}:{line} {name} = {_called(value)}(…)")
    found += [f"{source.path}:{line} {text}" for line, text in _changes(source.tree, constants)]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Global):
            found.append(f"{source.path}:{node.lineno} global {', '.join(node.names)}")
    return found


def _unbounded_cache(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    has_arguments = bool(node.args.args or node.args.kwonlyargs or node.args.vararg or node.args.kwarg)
    for decorator in node.decorator_list:
        name = ast.unparse(decorator)
        if name in {"cache", "functools.cache"} or "maxsize=None" in name:
            return has_arguments
    return False


def test_no_module_keeps_mutable_state() -> None:
    found = [fault for source in sources() if source.module not in _CONFIGURATION for fault in faults(source)]

    assert not found, (
        "Remedy: hang it on the object that owns it (run, process, app config), make it a tuple, frozenset or "
        "MappingProxyType, or a row.\n" + "\n".join(found)
    )


def test_no_cache_is_unbounded() -> None:
    found = [
        f"{source.path}:{node.lineno} {node.name}"
        for source in sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _unbounded_cache(node)
    ]

    assert not found, "Remedy: lru_cache(maxsize=…), or a cachetools cache owned by an object.\n" + "\n".join(found)


def test_the_guard_sees_what_it_forbids() -> None:
    texts = {
        "cache = {}": True,
        "RUNS = {}\ndef f(): RUNS['x'] = 1": True,
        "SEEN = set()": True,
        "_local = threading.local()": True,
        "def f():\n    global x\n    x = 1": True,
        "FACES = {'a': 1}": False,
        "NAMES = ('a', 'b')": False,
        "urlpatterns = []": False,
    }
    for text, bad in texts.items():
        assert bool(faults(Source("vwed.probe", "vwed/probe.py", text, ast.parse(text)))) is bad, text
