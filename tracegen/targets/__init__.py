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

__all__ = ["TARGETS", "Target", "write_hf", "write_openai"]
