"""The table of checks, and running those over one row."""

from collections.abc import Iterable
from typing import Any

import tracegen.findings.dataset as dataset
import tracegen.findings.output as output
import tracegen.findings.returned as returned
import tracegen.findings.search as search
import tracegen.findings.shape as shape
from tracegen.errors import SettingsError
from tracegen.findings.check import Check
from tracegen.records import Finding
from tracegen.traces.below import LEAK, LOW_SUPPORT
from tracegen.traces.chat import Chat, read_chat

CHECKS = (
    Check("no-messages", "error", shape.no_messages),
    Check("bad-role", "error", shape.bad_role),
    Check("unanswered-call", "error", shape.unanswered_call),
    Check("orphan-return", "error", shape.orphan_return),
    Check("repeated-call-id", "error", shape.repeated_call_id),
    Check("unknown-tool", "error", shape.unknown_tool),
    Check("bad-arguments", "error", shape.bad_arguments),
    Check("no-desired-output", "error", shape.no_desired_output),
    Check("content-not-text", "error", shape.content_not_text),
    Check("empty-return", "error", shape.empty_return),
    Check("secret", "error", returned.secret),
    Check("no-search", "warning", search.no_search),
    Check("answered-from-memory", "warning", search.answered_from_memory),
    Check("contradicts-returns", "warning", output.contradicts_returns),
    Check("narration", "warning", search.narration),
    Check("repeated-query", "warning", search.repeated_query),
    Check("query-is-prompt", "warning", search.query_is_prompt),
    Check("query-language", "warning", search.query_language),
    Check("nothing-new", "warning", search.nothing_new),
    Check("unused-evidence", "warning", search.unused_evidence),
    Check("error-return", "warning", returned.error_return),
    Check("refusal-return", "warning", returned.refusal_return),
    Check("prompt-injection", "warning", returned.prompt_injection),
    Check("chat-template-tokens", "warning", returned.chat_template_tokens),
    Check("answer-in-return", "warning", output.answer_in_return),
    Check("parallel-calls", "warning", search.parallel_calls),
    Check("two-assistant-turns", "warning", search.two_assistant_turns),
    Check("very-long", "warning", search.very_long),
    Check("long-trace", "warning", find_over=dataset.long_trace),
    Check("duplicate-prompt", "warning", find_over=dataset.duplicate_prompt),
    Check("near-duplicate", "warning", find_over=dataset.near_duplicate),
    Check("differing-outputs", "warning", find_over=dataset.differing_outputs),
    Check("differing-tools", "warning", find_over=dataset.differing_tools),
    Check("differing-system", "warning", find_over=dataset.differing_system),
)


def check_row(row: Any) -> list[Finding]:
    """Return the findings about one row alone, errors first; any JSON value is a row."""
    return check_chat(read_chat(row))


def check_chat(chat: Chat) -> list[Finding]:
    """Return the findings about one row that was read already, in the order of `CHECKS`."""
    return [
        Finding(check=check.name, level=check.level, message=message)
        for check in CHECKS
        if check.find is not None
        for message in check.find(chat)
    ]


_OF_SUPPORT = {
    LOW_SUPPORT: f"{LOW_SUPPORT} depends on how much support is wanted: leave such rows out with --min-support 0.8 --below "
    "drop, or --below reject to have them among the rejected ones.",
    LEAK: f"{LEAK} is a finding of support, which no option drops: queries that leak are refused while searching on. "
    "`tracegen inspect RUN` names the rows; research them again with `tracegen generate ... --redo LINES`.",
}
"""What to do about findings that come with the support of a run, and are no checks over rows."""


def check_names(words: Iterable[str]) -> frozenset[str]:
    """Return the checks that some words name, each word one name or several with commas.

    Raises SettingsError where there is no such check.
    """
    names = {name.strip() for word in words for name in word.split(",") if name.strip()}
    known = [check.name for check in CHECKS]
    if told := [_OF_SUPPORT[name] for name in sorted(names & _OF_SUPPORT.keys())]:
        raise SettingsError(" ".join(told))
    if unknown := sorted(names - set(known)):
        raise SettingsError(f"There is no check {', '.join(map(repr, unknown))}. The checks are: {', '.join(known)}.")
    return frozenset(names)
