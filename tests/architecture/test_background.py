"""Nothing runs in the background without an owner: threads, tasks, pools and processes are started in known places."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.architecture.sources import Source, sources

#: What starts something that goes on beside the code that called it.
STARTERS = {
    *("Thread", "Timer", "start_new_thread", "ThreadPoolExecutor", "ProcessPoolExecutor"),
    *("create_task", "ensure_future", "TaskGroup", "to_thread", "run_coroutine_threadsafe"),
    *("Process", "Popen"),
}

#: Module, what it may start, and why that has an owner.
OWNERS = {
    "scheduler.background": (
        {"Thread", "create_task"},
        "the register itself: everything else is started through it",
    ),
    "scheduler.io.main": (
        {"TaskGroup"},
        "the group makes the first failure the end of the io process; its tasks are started by the register",
    ),
    "scheduler.io.following": (
        {"ensure_future"},
        "two waits for events, cancelled and awaited by the same function",
    ),
    "vwed.web_process": (
        {"to_thread"},
        "waits at once for the housekeeper's end, so that the event loop turns meanwhile",
    ),
    "vwed.simulator.app": (
        {"create_task"},
        "the simulator is a process of its own without Django; its lifespan cancels and awaits its one clock",
    ),
    "scheduler.q2.cluster": (
        {"Process", "Timer"},
        "main and sentinel own their children, which end with their parent; its Timer is a cell of shared memory",
    ),
    "scheduler.q2.iochild": (
        {"Process"},
        "the cluster main owns the io process: replaced when it dies, stopped with it",
    ),
    "vwed.supervisor.children": ({"Popen"}, "the supervisor owns web, cluster and simulator: restarted, ended with it"),
}

#: Classes of these names that start nothing.
NOT_OPERATING_SYSTEM = {("Process", "psutil"), ("Process", "scheduler.process")}


def starts(source: Source) -> Iterator[tuple[int, str]]:
    """Line and name of every call that starts something."""
    harmless = {
        alias.asname or alias.name
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if (alias.name, node.module) in NOT_OPERATING_SYSTEM
    }
    if source.module == "scheduler.process":
        harmless.add("Process")
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr in STARTERS:
            owner = function.value.id if isinstance(function.value, ast.Name) else ""
            if (function.attr, owner) not in NOT_OPERATING_SYSTEM:
                yield node.lineno, function.attr
        elif isinstance(function, ast.Name) and function.id in STARTERS - harmless:
            yield node.lineno, function.id


def subclassed(source: Source) -> bool:
    """Whether a class of the file derives from a thread or a pool."""
    names = {
        base.id if isinstance(base, ast.Name) else base.attr
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef)
        for base in node.bases
        if isinstance(base, ast.Name | ast.Attribute)
    }
    return bool(names & {"Thread", "Timer", "ThreadPoolExecutor", "ProcessPoolExecutor", "Process"})


def test_whatever_runs_in_the_background_has_an_owner() -> None:
    strangers = [
        f"{source.path}:{line} {name}"
        for source in sources()
        for line, name in starts(source)
        if name not in OWNERS.get(source.module, (set(), ""))[0]
    ]
    assert not strangers, (
        "Remedy: start it through Process.background (scheduler/background.py), or name its owner and the reason here: "
        f"{strangers}"
    )


def test_every_owner_is_needed() -> None:
    found: dict[str, set[str]] = {}
    for source in sources():
        found.setdefault(source.module, set()).update(name for _, name in starts(source))
    idle = {module: sorted(names - found.get(module, set())) for module, (names, _) in OWNERS.items()}
    assert not any(idle.values()), f"these start nothing of the kind: {idle}"
    assert all(reason for _, reason in OWNERS.values())


def test_nothing_is_a_thread_by_inheritance() -> None:
    heirs = [source.path for source in sources() if subclassed(source) and source.module != "scheduler.background"]
    assert not heirs, f"Remedy: hold a thread of the register instead: {heirs}"


def test_the_reader_sees_calls_in_every_form() -> None:
    text = (
        "import psutil\nfrom x import Thread as T\nasyncio.create_task(a)\nThread()\npsutil.Process(1)\nc.Process()\n"
    )
    assert [name for _, name in starts(Source("m", "m.py", text, ast.parse(text)))] == [
        "create_task",
        "Thread",
        "Process",
    ]
