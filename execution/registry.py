"""The blocks the engine knows: name, parameters, branches, outputs and the handler. Frozen once all are loaded."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from execution.errors import ExecutionError
from execution.parameters import ParameterSpec, specs_of

Handler = Callable[..., Any]

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class BlockSpec:
    """One block type.

    A handler is either a generator function ``(run, params)`` that yields effects and returns its outputs, or a plain
    function that returns outputs, or one local effect as its only act. The handler of a ``loop`` takes a third
    argument ``at``: ``None``, or the number of the round it is resumed in.

    ``doc``, ``meanings`` (of the outputs), ``errors`` (code: when), ``example`` and ``within`` are for readers alone;
    see ``Registry.block`` and ``execution.blocklist``.
    """

    name: str
    handler: Handler
    params: type | None
    parameters: tuple[ParameterSpec, ...]
    branches: tuple[str, ...]
    outputs: tuple[str, ...]
    loop: bool
    plain: bool
    doc: str
    meanings: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    example: Mapping[str, Any] | None = None
    within: str = ""


class RegistryError(ExecutionError):
    """A block is registered twice, or after the registry was frozen."""


class Registry:
    """Block types by name."""

    def __init__(self) -> None:
        self._specs: dict[str, BlockSpec] = {}
        self._frozen = False

    def block(
        self,
        name: str,
        *,
        params: type | None = None,
        branches: tuple[str, ...] = (),
        outputs: Mapping[str, str] = _NOTHING,
        loop: bool = False,
        errors: Mapping[str, str] = _NOTHING,
        example: Mapping[str, Any] | None = None,
        within: str = "",
    ) -> Callable[[Handler], Handler]:
        """Register the decorated handler; its docstring is what ``docs/blocks.md`` says of the block.

        ``outputs``: name and meaning. ``errors``: each code of its own and when it is raised. ``example``: what a
        definition gives it, in the short form of ``execution.examples``; ``within`` names the block type whose
        example has to stand around this one.

        Raises:
            RegistryError: the name is taken (the message names the owner) or the registry is frozen.
        """

        def register(handler: Handler) -> Handler:
            self.add(
                BlockSpec(
                    name=name,
                    handler=handler,
                    params=params,
                    parameters=specs_of(params),
                    branches=branches,
                    outputs=tuple(outputs),
                    loop=loop,
                    plain=not inspect.isgeneratorfunction(handler),
                    doc=inspect.getdoc(handler) or "",
                    meanings=outputs,
                    errors=errors,
                    example=example,
                    within=within,
                )
            )
            return handler

        return register

    def add(self, spec: BlockSpec) -> None:
        """Register a block type; see ``block``."""
        if self._frozen:
            raise RegistryError(f"{spec.name} is registered after the registry was frozen: import it in handlers.load")
        if spec.name in self._specs:
            owner = self._specs[spec.name].handler.__module__
            raise RegistryError(f"{spec.name} is registered twice: {owner} and {spec.handler.__module__}")
        self._specs[spec.name] = spec

    def get(self, name: str) -> BlockSpec | None:
        """The block type of that name."""
        return self._specs.get(name)

    def __iter__(self) -> Iterator[BlockSpec]:
        return iter(sorted(self._specs.values(), key=lambda spec: spec.name))

    def freeze(self) -> None:
        """Refuse every further registration."""
        self._frozen = True

    @contextmanager
    def temporary(self, *specs: BlockSpec) -> Iterator[None]:
        """For tests: register block types and take them out again."""
        before, frozen = dict(self._specs), self._frozen
        self._frozen = False
        try:
            for spec in specs:
                self.add(spec)
            yield
        finally:
            self._specs, self._frozen = before, frozen


REGISTRY = Registry()
"""The one registry of the process; filled by ``execution.handlers``, frozen afterwards."""

block = REGISTRY.block
