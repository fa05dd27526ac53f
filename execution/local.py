"""Effects that are done at once, in memory."""

from __future__ import annotations

from typing import Any

from execution import effects as e
from execution.context import TaskContext
from execution.frames import Branch, Frame, offering_frame
from execution.recording import Recording


class LocalActs:
    """Carries out local effects that neither run children nor wait."""

    def __init__(self, context: TaskContext, recording: Recording) -> None:
        self._context = context
        self._recording = recording
        self._quiet = 0

    def quiet(self, more: bool) -> None:
        """A round whose information lines are not kept begins or ends."""
        self._quiet += 1 if more else -1

    def do(self, branch: Branch, block: str, effect: e.Effect, now: int) -> None:
        """Carry out one effect for a block."""
        kind = type(effect)
        if kind is e.SetVariable:
            self._context.set_variable(effect.name, effect.value, block)  # type: ignore[attr-defined]
            self._recording.variables_changed = True
        elif isinstance(effect, e.Log):
            if not self._quiet or effect.level != 1 or not any(frame.quiet for frame in branch.stack):
                self._recording.log(block, effect, now)
        elif isinstance(effect, e.AddVehicle):
            self._recording.vehicle(effect.vehicle)
        elif isinstance(effect, e.SetPriority):
            self._context.set_priority(effect.priority)
            self._recording.priority(effect.priority)
        elif isinstance(effect, e.SetFacts):
            self._recording.facts.update(effect.facts)
        elif isinstance(effect, e.SetInput):
            self._context.set_input(effect.name, effect.value, block)
        else:
            raise TypeError(f"{kind.__name__} is not an effect that can be carried out here")

    def in_frame(self, branch: Branch, frame: Frame, effect: e.Effect, now: int) -> Any:
        """The same, and those that concern the frame of the block itself."""
        if isinstance(effect, e.Now):
            return now
        if isinstance(effect, e.Publish):
            frame.outputs = effect.outputs
            frame.written = 0
            self._context.keep_outputs(frame.block.name, effect.outputs, frame.block.keeps)
        elif isinstance(effect, e.Offer):
            frame.offers = {**(frame.offers or {}), **effect.facts}
        elif isinstance(effect, e.AmendOffer):
            offering = offering_frame(branch, frame, effect.name)
            if offering is not None and offering.offers is not None:
                offering.offers[effect.name] = effect.value
        else:
            self.do(branch, frame.block.name, effect, now)
        return None
