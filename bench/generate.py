"""Conversations per second: tracegen beside two bare loops that do the same conversations against the same endpoint process.

    python -m bench.generate [--in-flight 64 256] [--latency-ms 0 200] [--rows N] [--index INDEX]
    python -m bench.generate --input 1000 1000000     only what reading so many rows into a run file takes

A conversation is four requests: three hops with a return of 2 kB, then the answer. All rows and queries differ. The variants:

    aiohttp     nothing but the loop: the floor, and what 1.00 in the column `ratio` stands for
    sdk         the same loop over the OpenAI SDK's client and transport: the floor for anything that goes through the SDK
    constant    tracegen, run file and all, with a constant string as every return
    index       tracegen with real searches in an index, where --index names one
    data-designer         NVIDIA's NeMo Data Designer with a constant tool over MCP, where --data-designer names its Python
    data-designer-bm25    the same with BM25 over the files of --docs; see bench/rivals/requirements-data-designer.txt
"""

import argparse
import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bench.endpoint import start
from bench.measure import ROOT, Clock, peak_rss_mb, print_table, report, run_command, run_variant, used_by_children

HOPS = 3
MODEL = "scripted"
RETURN = ("A passage of documentation, as long as a usual return of four passages. " * 30)[:2048]
SYSTEM = ("You know nothing of this language. Search its documentation for all that the answer needs. " * 10)[:800]
PARAMETERS = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}
DESCRIPTION = "Search the documentation."
DEFINITION = {
    "type": "function",
    "function": {"name": "search_docs", "description": DESCRIPTION, "parameters": PARAMETERS},
}

PHRASE = tuple(
    choices.split(", ")
    for choices in (
        "sort, filter, group, count, find, split, join, reverse, map, fold, parse, format, compare, insert, remove, update, "
        "zip, flatten",
        "list, dict, string, ints, floats, records, tuples, bits, option, result, set, queue, iterator, lines, bytes, pairs, "
        "tree, words",
        "by key, by value, by index, by length, by name, by type, with function, with default, with guard, with labels, "
        "without copies, into chunks, in order, in parallel, until error",
        "recursively, lazily, once, twice, on erlang, javascript, in pipe, in test, case, loop, module, debug, at end, "
        "at start, tail call, use, one line, block, opaque type, before print, after parse, each element, on failure, memory",
    )
)
"""What queries are made of, a word or two of each: 116,640 different ones."""

Post = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


def prompt_of(number: int) -> str:
    """Return the prompt of a row, with what the teacher will search for; all differ, and so do the searches of 50,000 rows."""
    searches = (phrase(HOPS * number + hop) for hop in range(HOPS))
    return f"Write function number {number}. It has to\n" + "\n".join(f"- {search}" for search in searches)


def phrase(number: int) -> str:
    """Return a query of 5.5 words, 8.2 tokens with the model's own two: the built-in researcher's on gleam have 5.9 and 8.4."""
    words = []
    rest = number * 7919  # a prime: rows beside each other search for other things
    for choices in PHRASE:
        rest, place = divmod(rest, len(choices))
        words.append(choices[place])
    return " ".join(words)


# --- the bare loops ------------------------------------------------------------------------------------------------------


async def converse(post: Post, prompt: str) -> None:
    """Hold one conversation to its end."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}]
    while True:
        body = {"model": MODEL, "messages": messages, "tools": [DEFINITION], "tool_choice": "auto"}
        message = (await post(body))["choices"][0]["message"]
        if not message.get("tool_calls"):
            return
        messages.append({"role": "assistant", "content": "", "tool_calls": message["tool_calls"]})
        for call in message["tool_calls"]:
            json.loads(call["function"]["arguments"])
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": RETURN})


async def converse_all(post: Post, rows: int, in_flight: int) -> None:
    """Hold all conversations, so many at a time."""

    async def work(numbers: Iterator[int]) -> None:
        for number in numbers:
            await converse(post, prompt_of(number))

    numbers = iter(range(rows))
    await asyncio.gather(*(work(numbers) for _ in range(in_flight)))


async def run_aiohttp(base_url: str, rows: int, in_flight: int) -> Clock:
    """Run the conversations over aiohttp alone."""
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def post(body: dict[str, Any]) -> dict[str, Any]:
            headers = {"Content-Type": "application/json"}
            async with session.post(f"{base_url}/chat/completions", data=json.dumps(body), headers=headers) as response:
                return dict(json.loads(await response.read()))

        with Clock() as clock:
            await converse_all(post, rows, in_flight)
    return clock


async def run_sdk(base_url: str, rows: int, in_flight: int) -> Clock:
    """Run the conversations over the SDK's client, by its cheapest path."""
    import httpx2
    import openai

    transport = openai.DefaultAioHttpClient()
    async with openai.AsyncOpenAI(base_url=base_url, api_key="none", http_client=transport) as client:

        async def post(body: dict[str, Any]) -> dict[str, Any]:
            response = await client.post("/chat/completions", body=body, cast_to=httpx2.Response)
            return dict(json.loads(response.content))

        with Clock() as clock:
            await converse_all(post, rows, in_flight)
    return clock


# --- tracegen ------------------------------------------------------------------------------------------------------------


async def run_tracegen(base_url: str, rows: int, in_flight: int, index: Path | None) -> Clock:
    """Run the conversations with tracegen: from the dataset to the written output, run file included."""
    from tracegen.teacher.chat import ChatTeacher
    from tracegen.teacher.pacing import Pace

    with tempfile.TemporaryDirectory() as folder:
        dataset, output = Path(folder, "train.jsonl"), Path(folder, "augmented.jsonl")
        write_dataset(dataset, rows)
        teacher = ChatTeacher(MODEL, base_url=base_url, api_key="none", pace=Pace(in_flight))
        async with open_search(index, rows) as (tool, search):
            with Clock() as clock:
                await generate_with(dataset, output, teacher, tool, search, in_flight)
        await teacher.close()
        with output.open(encoding="utf-8") as file:
            examples = sum(1 for _ in file)
    if examples != rows:
        raise SystemExit(f"tracegen made {examples} examples of {rows} rows")
    return clock


async def generate_with(dataset: Path, output: Path, teacher: Any, tool: Any, search: Any, concurrency: int) -> None:
    """Do what `tracegen.generate_async` does, with a search of our own."""
    from tracegen.dataset import read_rows
    from tracegen.exporting import export
    from tracegen.pipeline import rejected_path, run_path
    from tracegen.research import Research
    from tracegen.targets.openai import write_openai
    from tracegen.traces.runfile import RunFile

    settings = {"teacher": teacher.name, "tool": tool.model_dump(), "prompt": SYSTEM, "max_hops": 8}
    with RunFile.create_or_resume(run_path(output), settings, {"dataset": str(dataset)}) as run:
        run.set_input(read_rows(dataset, None))
        research = Research(run, teacher, search, tool, prompt=SYSTEM, max_hops=8)
        await research.run(concurrency)
        export(run, write_openai, output, rejected_path(output))


@asynccontextmanager
async def open_search(index: Path | None, rows: int) -> AsyncIterator[tuple[Any, Any]]:
    """Give the tool and the search of an index, its model loaded; without an index one that finds the same for everything."""
    from tracegen.records import Tool, ToolReturn

    if index is None:
        returned = ToolReturn(text=RETURN)

        async def search(query: str) -> ToolReturn:
            return returned

        yield Tool(name="search_docs", description=DESCRIPTION, parameters=PARAMETERS, k=4, rendering=1), search
        return
    from tracegen.index import open_index
    from tracegen.searcher import Searcher

    with open_index(index) as opened, Searcher(opened) as searcher:
        searcher.expect(rows)
        await searcher("warm up")
        yield opened.tool, searcher


def write_dataset(path: Path, rows: int) -> None:
    """Write a dataset whose rows all differ."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            desired = {"role": "assistant", "content": f"pub fn function_{number}(records) {{ todo }}"}
            messages = [{"role": "user", "content": prompt_of(number)}, desired]
            file.write(json.dumps({"messages": messages}) + "\n")


def read_input(rows: int) -> tuple[Clock, float]:
    """Read so many rows into a run file, as every start does; return what it took, and the run file's size in MB."""
    from tracegen.dataset import read_rows
    from tracegen.traces.runfile import RunFile

    with tempfile.TemporaryDirectory() as folder:
        dataset, path = Path(folder, "train.jsonl"), Path(folder, "augmented.run.db")
        write_dataset(dataset, rows)
        with RunFile.create_or_resume(path, {}, {}) as run, Clock() as clock:
            run.set_input(read_rows(dataset, None))
        return clock, path.stat().st_size / 1e6


# --- a rival -------------------------------------------------------------------------------------------------------------


def run_data_designer(args: argparse.Namespace, base_url: str, rows: int, in_flight: int, docs: Path | None) -> dict[str, Any]:
    """Return what Data Designer reports, in a process and an environment of its own; what else it says goes to stderr."""
    job = {
        "base_url": base_url,
        "in_flight": in_flight,
        "model": MODEL,
        "system": SYSTEM,
        "prompts": [prompt_of(number) for number in range(rows)],
        "description": DESCRIPTION,
        "returned": RETURN,
        "docs": docs and str(docs),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "job.json")
        path.write_text(json.dumps(job), encoding="utf-8")
        return run_command(args.data_designer, str(ROOT / "bench/rivals/data_designer_mcp.py"), str(path))


# --- the comparison ------------------------------------------------------------------------------------------------------


def measure_variant(args: argparse.Namespace) -> None:
    """Run one variant in this process, and report."""
    if args.variant == "input":
        clock, size_mb = read_input(args.rows)
        report(seconds=clock.seconds, cpu_s=clock.cpu_s, size_mb=size_mb)
        return
    loops = {"aiohttp": run_aiohttp, "sdk": run_sdk}
    if args.variant in loops:
        running = loops[args.variant](args.base_url, args.rows, args.in_flight[0])
    else:
        index = args.index if args.variant == "index" else None
        running = run_tracegen(args.base_url, args.rows, args.in_flight[0], index)
    clock = asyncio.run(running)
    # Where a process of its own searches: all of its CPU, with starting and loading the model.
    cpu_s, rss_mb = used_by_children() if args.variant == "index" else (0.0, 0.0)
    report(seconds=clock.seconds, cpu_s=clock.cpu_s + cpu_s, rss_mb=peak_rss_mb() + rss_mb)


def compare(latency_ms: float, in_flight: int, args: argparse.Namespace) -> None:
    """Run all variants against one endpoint process, and print their table."""
    rows = args.rows or max(512, 16 * in_flight)
    lines: list[list[object]] = []
    floor = sdk = 0.0
    with start(hops=HOPS, latency_ms=latency_ms) as endpoint:
        for variant in args.variants:
            endpoint.reset()
            if variant.startswith("data-designer"):
                docs = args.docs if variant.endswith("bm25") else None
                figures = run_data_designer(args, endpoint.base_url, rows, in_flight, docs)
            else:
                words = ["--variant", variant, "--base-url", endpoint.base_url]
                words += ["--rows", str(rows), "--in-flight", str(in_flight)]
                words += ["--index", str(args.index)] if args.index else []
                figures = run_variant("bench.generate", *words)
            counts = endpoint.counts()
            per_s = rows / figures["seconds"]
            floor = floor or per_s
            sdk = per_s if variant == "sdk" else sdk
            cpu = figures["cpu_s"] / counts.requests * 1000
            repeated = counts.repeated + counts.requests - rows * (HOPS + 1)
            of_sdk = per_s / sdk if sdk else "-"
            line = [
                variant,
                per_s,
                per_s / floor,
                of_sdk,
                figures["cpu_s"],
                cpu,
                figures["rss_mb"],
                counts.in_flight_mean,
                repeated,
            ]
            lines.append(line)
    print(f"\nlatency {latency_ms:g} ms, {in_flight} in flight, {rows} rows\n")
    heads = ["variant", "conv/s", "ratio", "of sdk", "CPU s", "CPU s/1k req", "peak MB", "mean in flight", "requests too many"]
    print_table(heads, lines)


def compare_inputs(numbers: list[int]) -> None:
    """Print what it takes to read so many rows, each number in a process of its own."""
    lines: list[list[object]] = []
    for rows in numbers:
        figures = run_variant("bench.generate", "--variant", "input", "--rows", str(rows))
        per_row_us = figures["cpu_s"] / rows * 1e6
        lines.append([f"{rows:,}", figures["cpu_s"], per_row_us, figures["rss_mb"], figures["size_mb"]])
    print_table(["rows", "CPU s", "CPU us/row", "peak MB", "run file MB"], lines)


def main() -> None:
    """Run the benchmark, or with --variant one variant for it."""
    parser = argparse.ArgumentParser(prog="python -m bench.generate", description="Conversations per second.")
    parser.add_argument("--in-flight", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--latency-ms", type=float, nargs="+", default=[0, 200])
    parser.add_argument("--rows", type=int, help="rows per variant (default: 16 for each in flight, at least 512)")
    parser.add_argument("--index", type=Path, help="an index for the variant with real searches")
    parser.add_argument("--data-designer", metavar="PYTHON", help="the Python of an environment with NeMo Data Designer")
    parser.add_argument("--docs", type=Path, help="a folder of documentation, for Data Designer's search")
    parser.add_argument("--variants", nargs="+", help="some of the above, in this order; the first is the floor")
    parser.add_argument("--input", type=int, nargs="+", metavar="ROWS", help="only read so many rows into a run file")
    parser.add_argument("--variant", help=argparse.SUPPRESS)
    parser.add_argument("--base-url", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.index:
        args.index = args.index.resolve()
    more = {"index": args.index, "data-designer": args.data_designer, "data-designer-bm25": args.data_designer and args.docs}
    args.variants = args.variants or ["aiohttp", "sdk", "constant", *(name for name, given in more.items() if given)]
    if args.variant:
        measure_variant(args)
        return
    if args.input:
        compare_inputs(args.input)
        return
    for latency_ms in args.latency_ms:
        for in_flight in args.in_flight:
            compare(latency_ms, in_flight, args)


if __name__ == "__main__":
    main()
