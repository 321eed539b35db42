"""The conversations of `bench.generate` held by NVIDIA's NeMo Data Designer; see requirements-data-designer.txt.

    python data_designer_mcp.py JOB.json      its last line is JSON: seconds, CPU seconds, memory

An LLM column with a tool configuration, as in its documentation and its recipe `search_agent.py`: the tool is served over MCP
by a process of its own (stdio), the whole conversation is kept (`TraceType.ALL_MESSAGES`). The tool returns the constant of
`bench.generate`, or where the job names documentation what BM25 (`bm25s`) finds in pieces of 1,000 characters. What limits
the requests in flight is `max_parallel_requests`. The clock starts when everything is imported, and ends when the last rows are
on disk: its analysis of the columns, which nobody asked for, is not counted. Neither is the CPU of the tool's process.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from protocol import peak_rss_mb

PIECE_CHARS = 1000
PASSAGES = 4


def serve(job_path: str) -> None:
    """Serve the tool over MCP until stdin ends."""
    from mcp.server.fastmcp import FastMCP  # type: ignore[attr-defined] # of mcp 1, which Data Designer needs

    job = json.loads(Path(job_path).read_text(encoding="utf-8"))
    server = FastMCP("docs", log_level="ERROR")
    find = bm25(Path(job["docs"])) if job["docs"] else lambda query: str(job["returned"])

    @server.tool(description=job["description"])  # type: ignore[untyped-decorator]
    def search_docs(query: str) -> str:
        return find(query)

    server.run("stdio")


def bm25(docs: Path) -> Callable[[str], str]:
    """Return a search in the text files of a folder."""
    import bm25s

    texts = [path.read_text(encoding="utf-8", errors="replace") for path in sorted(docs.rglob("*")) if path.is_file()]
    pieces = [text[start : start + PIECE_CHARS] for text in texts for start in range(0, len(text), PIECE_CHARS)]
    index = bm25s.BM25(corpus=pieces)
    index.index(bm25s.tokenize(pieces, stopwords="en", show_progress=False), show_progress=False)

    def find(query: str) -> str:
        words = bm25s.tokenize(query, stopwords="en", show_progress=False)
        found, _ = index.retrieve(words, k=PASSAGES, show_progress=False)
        return "\n\n".join(f"[{number}] {piece}" for number, piece in enumerate(found[0], start=1))

    return find


def main(job_path: str) -> None:
    """Hold the conversations, and print what it took."""
    import data_designer.config as dd
    import pandas
    from data_designer.interface import DataDesigner

    job = json.loads(Path(job_path).read_text(encoding="utf-8"))
    rows = len(job["prompts"])
    with tempfile.TemporaryDirectory() as folder:
        began, cpu = time.perf_counter(), time.process_time()
        command = {"command": sys.executable, "args": [__file__, job_path, "--serve"]}
        designer = DataDesigner(
            artifact_path=folder,
            model_providers=[dd.ModelProvider(name="bench", endpoint=job["base_url"], api_key="none")],
            mcp_providers=[dd.LocalStdioMCPProvider(name="docs", **command)],
        )
        parameters = dd.ChatCompletionInferenceParams(max_parallel_requests=job["in_flight"])
        model = dd.ModelConfig(
            alias="teacher", model=job["model"], provider="bench", inference_parameters=parameters, skip_health_check=True
        )
        tool = dd.ToolConfig(tool_alias="search", providers=["docs"], max_tool_call_turns=8)
        builder = dd.DataDesignerConfigBuilder(model_configs=[model], tool_configs=[tool])
        builder.with_seed_dataset(dd.DataFrameSeedSource(df=pandas.DataFrame({"prompt": job["prompts"]})))
        builder.add_column(
            dd.LLMTextColumnConfig(
                name="answer",
                prompt="{{ prompt }}",
                system_prompt=job["system"],
                model_alias="teacher",
                tool_alias="search",
                with_trace=dd.TraceType.ALL_MESSAGES,
            )
        )
        ends: list[tuple[float, float]] = []

        def written(path: Path) -> None:
            ends.append((time.perf_counter() - began, time.process_time() - cpu))

        made = designer.create(builder, num_records=rows, dataset_name="bench", on_batch_complete=written).load_dataset()
    if len(made) != rows:
        raise SystemExit(f"Data Designer made {len(made)} conversations of {rows}")
    figures = {
        "seconds": ends[-1][0],
        "cpu_s": ends[-1][1],
        "rss_mb": peak_rss_mb(),
    }
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    serve(sys.argv[1]) if sys.argv[2:] == ["--serve"] else main(sys.argv[1])
