"""The loop for offline vLLM in docs/batch.md works, with a stand-in for vllm."""

import os
import re
import subprocess
import sys
from pathlib import Path

from bench.batch_endpoint import BatchEndpoint
from tests.conftest import ROOT

VLLM = """#!{python}
import json, sys, urllib.request
assert sys.argv[1] == "run-batch", sys.argv
words = dict(zip(sys.argv[2::2], sys.argv[3::2]))
with open(words["-i"], encoding="utf-8") as requests, open(words["-o"], "w", encoding="utf-8") as answers:
    for line in requests:
        request = json.loads(line)
        data = json.dumps(request["body"]).encode()
        with urllib.request.urlopen(urllib.request.Request("{url}/chat/completions", data)) as reply:
            body = json.load(reply)
        response = {{"status_code": 200, "request_id": "vllm-batch-1", "body": body}}
        answer = {{"id": "vllm-1", "custom_id": request["custom_id"], "response": response, "error": None}}
        print(json.dumps(answer), file=answers)
"""


def script(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def test_the_loop_for_offline_vllm(dataset: Path, tmp_path: Path, sample_index: Path, batch_endpoint: BatchEndpoint) -> None:
    page = (ROOT / "docs/batch.md").read_text(encoding="utf-8")
    (loop,) = re.findall(r"```text\n(until tracegen .*?)```", page, flags=re.DOTALL)
    programs = tmp_path / "bin"
    programs.mkdir()
    script(programs / "vllm", VLLM.format(python=sys.executable, url=batch_endpoint.base_url))
    script(programs / "tracegen", f'#!/bin/sh\nexec "{sys.executable}" -m tracegen "$@"\n')
    environment = os.environ | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "TRACEGEN_GENERATE_INDEX": str(sample_index),
        "TRACEGEN_GENERATE_LIMIT": "2",
    }
    ended = subprocess.run(["bash", "-c", loop], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert len((tmp_path / "augmented.jsonl").read_text(encoding="utf-8").splitlines()) == 2
    assert len(batch_endpoint.asked()) == 2 * 3
