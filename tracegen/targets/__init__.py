"""Example -> the line of a training file, one module per format.

A target is a function from an Example to the JSON object of its line. Facts about each format and its readers stand in the
docstring of its module.
"""

from collections.abc import Callable
from typing import Any

from tracegen.records import Example
from tracegen.targets.hf import write_hf
from tracegen.targets.openai import write_openai

Target = Callable[[Example], dict[str, Any]]

TARGETS: dict[str, Target] = {"openai": write_openai, "hf": write_hf}
"""The targets by name, as `--target` takes them."""


class WithReasoning:
    """A target whose calls have what the teacher thought before them, as `reasoning_content`.

    Chat templates of thinking models read it there, and so does Fireworks; Together refuses a key that it does not know.
    """

    def __init__(self, target: Target) -> None:
        """Take the target to add it to."""
        self._target = target
        self.calls = 0
        """How many calls had any."""

    def __call__(self, example: Example) -> dict[str, Any]:
        """Return the line of an example."""
        line = self._target(example)
        calling = (message for message in line["messages"] if "tool_calls" in message)
        for message, hop in zip(calling, example.hops, strict=True):
            if hop.reasoning:
                message["reasoning_content"] = hop.reasoning
                self.calls += 1
        return line


__all__ = ["TARGETS", "Target", "WithReasoning", "write_hf", "write_openai"]
