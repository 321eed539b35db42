"""Jupyter notebooks and YAML manuals."""

import json

from tracegen.corpus.notebook import read_notebook
from tracegen.corpus.yaml_manual import read_yaml

NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "source": ["# Title\n", "\n", "Words \"cell_type\": x."]},
        {
            "cell_type": "code",
            "source": "print(1)",
            "outputs": [
                {"output_type": "stream", "text": ["1\n"]},
                {"output_type": "display_data", "data": {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"}},
                {"output_type": "error", "ename": "E", "evalue": "bad", "traceback": ["\u001b[31mlong"]},
            ],
        },
        {"cell_type": "code", "source": "%%bash\nls", "outputs": [{"output_type": "stream", "text": "x\n" * 100}]},
    ],
    "metadata": {"kernelspec": {"language": "julia"}},
}  # fmt: skip


def test_cells_and_short_outputs_without_pictures() -> None:
    page = read_notebook(json.dumps(NOTEBOOK, indent=1))
    assert page.title == "Title"
    assert [block.text for block in page.blocks[:4]] == [
        "Title",
        'Words "cell_type": x.',
        "```julia\nprint(1)\n```",
        "```output\n1\n<Figure>\nE: bad\n```",
    ]
    assert page.blocks[4].text == "```\n%%bash\nls\n```"
    assert page.blocks[5].text.endswith("x\n...\n```")
    starts = [block.start_line for block in page.blocks]
    assert starts == sorted(starts)
    assert starts[0] < starts[2] < starts[4]


def test_notebooks_of_the_third_version_and_broken_ones() -> None:
    old = {
        "worksheets": [
            {"cells": [{"cell_type": "heading", "level": 2, "source": "Old"}, {"cell_type": "code", "input": ["a = 1"]}]}
        ]
    }
    assert [block.text for block in read_notebook(json.dumps(old)).blocks] == ["Old", "```\na = 1\n```"]
    assert read_notebook('{"cells": [').problem == "not a readable notebook: invalid JSON"
    assert read_notebook("[" * 100_000).problem == "not a readable notebook: invalid JSON"
    assert read_notebook("[]").problem == "not a readable notebook: no cells"
    assert read_notebook('{"cells": [1, {"cell_type": "code", "source": ["\\ud800"]}]}').blocks[0].text == "```\n?\n```"


SENTENCE = "This function gives back every value that the filter before it has produced, in order. "
MANUAL = f"""\
headline: Manual
sections:
  - title: Basic filters
    body: |
      {SENTENCE * 3}

          code
    entries:
      - title: "`.`"
        body: |
          {SENTENCE * 3}
        examples:
          - program: '.'
            input: '1'
    options:
      - name: -n
        body: Reads nothing.
"""


def test_a_yaml_manual_is_headings_and_markdown() -> None:
    page = read_yaml(MANUAL)
    assert [(each.kind, each.level, each.text[:24], each.start_line) for each in page.blocks] == [
        ("heading", 1, "Manual", 1),
        ("heading", 2, "Basic filters", 3),
        ("prose", 0, SENTENCE[:24], 5),
        ("code", 0, "    code", 7),
        ("heading", 3, "`.`", 9),
        ("prose", 0, SENTENCE[:24], 11),
        ("heading", 4, "examples", 12),
        ("prose", 0, "- program: .\n- input: 1", 13),
        ("heading", 3, "options", 15),
        ("heading", 4, "-n", 16),
        ("prose", 0, "Reads nothing.", 17),
    ]


def test_other_yaml_is_code() -> None:
    assert read_yaml("a: 1\nb: [2]\n").blocks[0].text == "```yaml\na: 1\nb: [2]\n```"
    assert read_yaml("a: [1\n" + SENTENCE * 9).blocks[0].kind == "code"
    assert read_yaml("[" * 5000 + SENTENCE * 9).blocks[0].kind == "code"


def test_aliases_of_aliases_stay_small() -> None:
    text = f"a0: &a0 {{t: {SENTENCE * 5}}}\n".replace(",", "")
    text += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
    assert sum(len(block.text) for block in read_yaml(text).blocks) < 5000
