"""Options about the requests to a teacher."""

from typing import TYPE_CHECKING, Any

import click

from tracegen.cli.options import all_of

if TYPE_CHECKING:
    from tracegen.teacher.asking import Asking

_OPTIONS = (
    click.option(
        "--api",
        type=click.Choice(["chat", "responses"]),
        default="chat",
        show_default=True,
        help="Chat Completions, which every server speaks, or OpenAI's Responses.",
    ),
    click.option("--temperature", type=float, default=None, help="Sampling temperature.  [default: the model's own]"),
    click.option("--max-tokens", type=click.IntRange(min=1), default=None, help="Most tokens of one message of the teacher."),
    click.option("--service-tier", default=None, help="Such as `flex`, at half the price, where the service has it."),
    click.option(
        "--extra-body", default=None, metavar="JSON|FILE", help="Further fields of each request, such as '{\"top_k\": 20}'."
    ),
    click.option(
        "--extra-header",
        "extra_headers",
        multiple=True,
        metavar="NAME=VALUE",
        help="Further header of each request, any number of times. The value is never stored.",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=600,
        show_default=True,
        help="Seconds for one request.",
    ),
)
give_up_option = click.option(
    "--give-up-after",
    type=click.FloatRange(min=0),
    default=60,
    show_default=True,
    metavar="MINUTES",
    help="How long an endpoint that has worked may fail; it is asked again now and then until it answers. One that has never "
    "worked, a wrong key, an unknown model or a spent quota stop at once.",
)
_PACE = (
    click.option(
        "--concurrency",
        type=click.IntRange(1, 4096),
        default=64,
        show_default=True,
        help="Most rows researched at a time. It starts with fewer, and goes down when the endpoint is overloaded.",
    ),
    click.option("--rpm", type=click.FloatRange(min=0, min_open=True), default=None, help="Most requests a minute."),
    click.option("--tpm", type=click.FloatRange(min=0, min_open=True), default=None, help="Most tokens a minute."),
    give_up_option,
)
_BUDGET = (
    click.option(
        "--budget",
        default=None,
        metavar="20usd|2000000tokens",
        help="A hard cap for the run in all its starts. When it is reached the run stops, exit code 4, and can go on later.",
    ),
    click.option(
        "--price-in", type=click.FloatRange(min=0), default=None, help="USD for a million tokens sent.  [default: price list]"
    ),
    click.option("--price-out", type=click.FloatRange(min=0), default=None, help="USD for a million tokens received."),
)
_NAMES = ("api", "temperature", "max_tokens", "service_tier", "extra_body", "extra_headers", "timeout")


asking_options = all_of(_OPTIONS)
"""Adds the options about a single request to a command."""
pace_options = all_of(_PACE)
"""Adds the options about how many requests there are at a time."""
budget_options = all_of(_BUDGET)
"""Adds the options about what requests may cost in all."""


def read_asking(options: dict[str, Any]) -> "Asking":
    """Take these options out of a command's, and return what they mean. Raises SettingsError where one means nothing."""
    from tracegen.teacher.asking import Asking, read_extra_body, read_extra_headers

    given = {name: options.pop(name) for name in _NAMES}
    return Asking(
        api=given["api"],
        temperature=given["temperature"],
        max_tokens=given["max_tokens"],
        service_tier=given["service_tier"],
        extra_body=read_extra_body(given["extra_body"]) if given["extra_body"] else {},
        extra_headers=read_extra_headers(given["extra_headers"]),
        timeout_s=given["timeout"],
    )
