"""Checks of how a row searches: whether it does, what it asks, and what becomes of what it finds."""

import re
from collections.abc import Iterator

from tracegen.findings.evidence import cached_terms, evidence_of, needed_terms, passages_of, shows_any
from tracegen.findings.languages import language_name, language_of
from tracegen.findings.passages import passages_in
from tracegen.findings.rows import prompt_of
from tracegen.records import NOTHING_FOUND
from tracegen.traces.chat import Call, Chat, Turn, compact, estimate_tokens, quoted, visible
from tracegen.traces.support import passage_of

VERY_LONG_TOKENS = 8_192
"""8,192 is what trainers are most often set to; what is longer is cut at its end, where the desired output stands."""
MEMORY_MIN_TERMS = 2
"""Called or qualified names that an output must have before their absence from all returns means anything."""
COPY_MIN_WORDS = 12
"""A prompt of fewer words may well be the best query there is."""
COPY_SHARE = 0.8
"""A query that is so large a part of the prompt, letter by letter, is the prompt."""
NARRATION_CHARACTERS = 200
"""A desired output that begins or ends with an announcement is judged by so many characters at its ends."""


def no_search(chat: Chat) -> Iterator[str]:
    """Having tools and calling none teaches the model to answer from memory.

    Example: the row defines `search_docs`, and goes from the user's message straight to the answer.

    To do: research the row again (`tracegen generate --redo LINE`). A few such rows, whose prompt needs no search, do good:
    those that say so, with `"search": false` in the dataset, are not struck.
    """
    if chat.tools and chat.turns and not chat.hops and not _says(chat, "search", False):
        yield "the row has tools, and no message calls one"


def answered_from_memory(chat: Chat) -> Iterator[str]:
    """Names in the output that neither prompt nor any return shows: the model learns to search, and then to invent.

    Example: the returns are about strings, and the output calls `list.fold` and `dict.insert`. Struck where the output has two
    or more called or qualified names that are not given, and no return shows a single one; or where there are tools, no search,
    and such names all the same. `tracegen support` measures it in full, with the index.

    To do: research the row again with a better teacher or more hops, or write the page that the documentation lacks.
    """
    if not (chat.tools or chat.hops):
        return
    prompt = passage_of("\n".join(turn.text or "" for turn in prompt_of(chat)))
    terms = cached_terms(chat.desired_output)
    needed = needed_terms(chat.desired_output, prompt)
    strong = sorted(term for term in needed if term[1] == "qualified" or term[0] in terms.called)
    if len(strong) < MEMORY_MIN_TERMS:
        return
    found = [passage for turn, _ in chat.returns for passage in passages_of(turn.text or "")]
    if not any(shows_any(found, *term) for term in strong):
        named = ", ".join(visible(term, 40) for term, _ in strong[:4])
        where = "no return shows" if chat.returns else "nothing was searched for; the prompt does not give"
        yield f"{where} {named}" + (f" or {len(strong) - 4} more" if len(strong) > 4 else "")


def repeated_query(chat: Chat) -> Iterator[str]:
    """Asking the same again brings the same; a model that learns it goes round in circles.

    Example: `{"query": "loop syntax"}` in message 3 and `{"query": "Loop  syntax"}` in message 5.

    To do: leave the row out, or research it again. The teacher's prompt forbids it (`--prompt`).
    """
    seen: dict[tuple[str, str], int] = {}
    for turn in chat.turns:
        for call in turn.calls:
            asked = compact(call.arguments) if call.arguments is not None else call.raw
            key = (call.name, _words(asked).casefold())
            if key in seen:
                yield f"message {turn.number} asks what message {seen[key]} asked: {visible(asked, 60)}"
            seen.setdefault(key, turn.number)


def nothing_new(chat: Chat) -> Iterator[str]:
    """Passages that were all shown before cost tokens and add nothing.

    Example: two queries in other words bring the same five passages.

    To do: nothing, where it is rare. Where it is not, the index is small for the number of hops: lower `--max-hops`.
    """
    shown: set[tuple[str, str]] = set()
    for turn, _ in chat.returns:
        text = turn.text or ""
        if not text.strip() or text.startswith("Error:"):
            continue
        passages = passages_in(text)
        keys = {(p.place, _words(p.text)) for p in passages if p.rank or len(passages) == 1}
        if keys <= shown:
            yield f"message {turn.number} returns only what earlier messages returned"
        shown |= keys


def unused_evidence(chat: Chat) -> Iterator[str]:
    """Nothing of the return goes into the desired output or a later query: a model learns to search for no reason.

    Example: the row asks how to append to a list, and neither appends nor asks about anything it read there.

    To do: nothing, for a few: a search that fails and is made again is honest, see `--keep-failed-searches` below. Where most
    rows have it, the teacher asks too much. Rows that `tracegen variants` made to find nothing are not struck.
    """
    if _says(chat, "variant", NOTHING_FOUND):
        return
    unused = [str(found.returned.turn.number) for found in evidence_of(chat) if found.use == "unused"]
    if unused:
        which = f"messages {', '.join(unused)}" if len(unused) > 1 else f"message {unused[0]}"
        yield f"nothing of {which} is in a later query or the desired output"


def parallel_calls(chat: Chat) -> Iterator[str]:
    """Several calls in one message: some templates raise on them, others keep only the first.

    Example: one assistant message with thirty calls.

    To do: split them into messages of one call and its return each, as `tracegen generate` does.
    """
    for turn in chat.turns:
        if len(turn.calls) > 1:
            yield f"message {turn.number} makes {len(turn.calls)} calls at once"


def query_is_prompt(chat: Chat) -> Iterator[str]:
    """Asking with the whole prompt finds something of everything; a model should learn to ask for one thing at a time.

    Example: a prompt of 60 words, and a query of the same 60 words.

    To do: research the row again with a teacher that breaks the question down. Prompts of fewer than 12 words are not struck.
    """
    asked = ""
    for turn in chat.turns:
        if turn.role == "user" and turn.text:
            asked = " ".join(re.findall(r"\w+", turn.text.casefold()))
        for call in turn.calls:
            query = " ".join(re.findall(r"\w+", _query(call).casefold()))
            whole = asked in query or (query in asked and len(query) >= COPY_SHARE * len(asked))
            if len(asked.split()) >= COPY_MIN_WORDS and whole:
                yield f"message {turn.number} asks with the whole prompt"


def query_language(chat: Chat) -> Iterator[str]:
    """Asking in another language than the documentation finds little, and the model will ask so in production.

    Example: English pages, and the query `wie füge ich ein Element an eine Liste an`. Only queries of four words or more, or in
    another script, of whose words the documentation uses less than half, are judged.

    To do: tell the teacher the language of the documentation in its prompt (`--prompt`), and research the row again.
    """
    documentation = "\n".join(turn.text or "" for turn, _ in chat.returns)
    if not documentation.strip():
        documentation = "\n".join(turn.text or "" for turn in prompt_of(chat))
    for turn in chat.turns:
        for call in turn.calls:
            spoken, known = language_of(_query(call), documentation)
            if spoken != known:
                yield f"message {turn.number} asks in {language_name(spoken)}; the documentation is in {language_name(known)}"


_ANNOUNCED = re.compile(
    r"\b(?:let me|i(?:'|\u2019)?ll|i will|i(?:'|\u2019)m going to|i am going to|i need to|i should|allow me to)\s+"
    r"(?:(?:first|now|quickly|just|also|then)\s+)*"
    r"(?:(?:search|look|check|consult|browse)\b[^.\n]{0,40}?\b(?:docs?|documentation|manual|reference|index|tool|up|online)\b"
    r"|search\s+(?:for|again)\b|(?:use|call)\s+(?:the\s+)?(?:search|retrieval)\b|look\s+(?:this|that|it)\s+up\b)",
    re.IGNORECASE,
)


def narration(chat: Chat) -> Iterator[str]:
    """Announcing a search and not making it is what the tuned model will then do: `Let me look that up.`, and stop.

    Example: the assistant's message `Let me search the documentation for loops.` without a call.

    To do: leave the message out, or the row where it is the desired output. Text beside a call is not struck.
    """
    for turn in chat.turns:
        if turn.role == "assistant" and not turn.calls:
            match = _announced(turn)
            if match:
                yield f"message {turn.number} says {quoted(match)} and calls nothing"


def _announced(turn: Turn) -> str:
    prose = re.sub(r"```.*?(?:```|\Z)|`[^`\n]*`", " ", turn.text or "", flags=re.DOTALL).strip()
    ends = (prose,) if len(prose) <= 2 * NARRATION_CHARACTERS else (prose[:NARRATION_CHARACTERS], prose[-NARRATION_CHARACTERS:])
    return next((match[0] for end in ends if (match := _ANNOUNCED.search(end))), "")


def two_assistant_turns(chat: Chat) -> Iterator[str]:
    """Two assistant messages in a row are refused by some services and merged by some templates.

    Example: a message of narration, and the answer in the next.

    To do: join them, or leave the first out.
    """
    for before, turn in zip(chat.turns, chat.turns[1:], strict=False):
        if before.role == turn.role == "assistant":
            yield f"messages {before.number} and {turn.number} are both the assistant's"


def very_long(chat: Chat) -> Iterator[str]:
    """Trainers are most often set to 8,192 tokens and cut at the end, where the desired output stands.

    Example: ten hops of 4,000 characters each.

    To do: set the trainer's `max_length` to what `inspect` says, or make the tool's returns smaller (docs/tool.md).
    """
    tokens = estimate_tokens(chat)
    if tokens > VERY_LONG_TOKENS:
        yield f"about {tokens:,} tokens (estimated)"


def _says(chat: Chat, field: str, value: object) -> bool:
    return isinstance(chat.row, dict) and chat.row.get(field) == value


def _query(call: Call) -> str:
    return " ".join(value for value in (call.arguments or {}).values() if isinstance(value, str))


def _words(text: str) -> str:
    return " ".join(text.split())
