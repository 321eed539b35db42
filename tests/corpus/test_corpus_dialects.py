"""Dialects of Markdown: what remains of them, with its lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegen.corpus.dialects import common_markdown
from tracegen.corpus.markdown import read_markdown


def texts(text: str) -> list[str]:
    return [("#" * each.level + " " if each.level else "") + each.text for each in read_markdown(text).blocks]


MDX = """\
import Tabs from '@theme/Tabs';
import {
  A,
} from 'x';

export const x = () => (
  <div/>
);

# Hello \\{#hello}

<Tabs>
<TabItem value="a" label="Linux">

Run `apt <Tabs>`. A List<String>.

```jsx
import A from 'a';
<Tabs>
:::note
```

</TabItem>
</Tabs>
"""


def test_mdx_keeps_the_text_and_the_labels_of_components() -> None:
    page = read_markdown(MDX.replace("\\\\{", "{"))
    assert [(each.kind, each.text, each.start_line) for each in page.blocks] == [
        ("heading", "Hello", 10),
        ("prose", "**Linux**", 13),
        ("prose", "Run `apt <Tabs>`. A List<String>.", 15),
        ("code", "```jsx\nimport A from 'a';\n<Tabs>\n:::note\n```", 17),
    ]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (":::note Be careful\n\nBody.\n\n:::\n", ["**Note: Be careful**", "Body."]),
        (":::tip[My tip]\nBody.\n:::\n", ["**Tip: My tip**\nBody."]),
        ('::: zone pivot="a"\nBody.\n::: zone-end\n:::image source="x.png":::\n', ["Body."]),
        ("> [!NOTE]\n> alert\n", ["> **Note**\n> alert"]),
        ("# [Windows](#tab/win)\n\nBody.\n\n***\n", ["**Windows**", "Body."]),
        ("Before.\n\n[!INCLUDE [x](y.md)]\n\n[!code-csharp[Main](x.cs)]\nAfter.\n", ["Before.", "After."]),
        (
            '!!! warning "Hot"\n    One.\n\n    ```py\n    x\n    ```\n\nAfter.\n',
            ["**Warning: Hot**\nOne.", "```py\nx\n```", "After."],
        ),
        ('=== "C"\n\n    !!! note\n        Deep.\n', ["**C**", "**Note**\nDeep."]),
        ("<details>\n<summary>More</summary>\n\nHidden *text*\n\n</details>\n", ["More", "Hidden *text*"]),
        ("<table><tr><th>A</th></tr><tr><td>1</td></tr></table>\n", ["| A |\n| --- |\n| 1 |"]),
        ('## Heading <a name="z"></a>\n\n<a id="y"></a>\nWords.\n', ["## Heading", "Words."]),
        ("```{note}\n:class: x\nSee {func}`f` and {ref}`Guide <g>`.\n```\n", ["**Note**", "See `f()` and Guide."]),
        ("```{code-block} python\n:linenos:\nx\n```\n(label)=\n", ["```python\n\nx\n```"]),
        ("```{toctree}\na\nb\n```\n\n```{py:function} f(x)\nGives x.\n```\n", ["**`f(x)`**\nGives x."]),
        ("{% highlight ruby linenos %}\nputs 1\n{% endhighlight %}\n", ["```ruby\nputs 1\n```"]),
        (
            "Before.\n\n/// warning | Hot\nOne.\n\n//// html | div\nTwo.\n////\n///\n",
            ["Before.", "**Warning: Hot**\nOne.", "Two."],
        ),
        ('| a |\n|---|\n| <a id="x">CODE</a> |\n', ["| a |\n|---|\n| CODE |"]),
        (":::tip Rule: be *kind*\nBody.\n:::\n", ["**Tip: Rule: be *kind***\nBody."]),
        ('::: details Click {open}\nBody.\n:::\n::: row cols="a:b"\n', ["**Click**\nBody."]),
        (
            "## Sponsor :octicons-heart-fill-16:\n\n[Go](a.md){ .md-button } on `x[0]{.a}`.\n",
            ["## Sponsor", "[Go](a.md) on `x[0]{.a}`."],
        ),
        ('{{< highlight go "linenos=table" >}}\n--- a\n# b\n{{< / highlight >}}\n', ["```go\n--- a\n# b\n```"]),
        ('{{% code-block file="a/b.html" %}}\n<p>\n{{% /code-block %}}\nEnd.\n', ["```html\n<p>\n```", "End."]),
        ("{{< code >}}\n```js\nx\n```\n{{< /code >}}\n", ["```js\nx\n```"]),
        ("````md\n{{< code >}}\nx\n{{< /code >}}\n````\n", ["````md\n{{< code >}}\nx\n{{< /code >}}\n````"]),
        (
            "```go\n{{< highlight go >}}\nx\n{{< /highlight >}}\n```\n\n{{< code >}}\ny\n{{< /code >}}\n",
            ["```go\n{{< highlight go >}}\nx\n{{< /highlight >}}\n```", "```\ny\n```"],
        ),
        ("{{< code-group >}}\nSee *this*.\n{{< /code-group >}}\n", ["See *this*."]),
        ("{{% codetab %}}\n## Run\n{{% /codetab %}}\n", ["## Run"]),
        ('{{< code-tab language="cue" >}}\nx: 1\n{{< /code-tab >}}\n', ["```cue\nx: 1\n```"]),
        ("{{< code-toggle file=hugo >}}\n[params]\n{{< /code-toggle >}}\n", ["```\n[params]\n```"]),
        (
            "Use `:material-account:` or ``:simple-`x:`` :simple-x: there.\n",
            ["Use `:material-account:` or ``:simple-`x:`` there."],
        ),
        ('So:\n\n    {{< tab "A" >}}\n\n    {{< tab "B" >}}\n', ["So:", '    {{< tab "A" >}}\n\n    {{< tab "B" >}}']),
        ('1. Do.\nMore.\n\n    {{< tab "A" >}}\n    Run.\n', ["1. Do.\nMore.", "**A**\n    Run."]),
        ('{{{with code "en" "a"}}}\n-- a.cue --\nx: 1\n\n# y\n{{{end}}}\n', ["```\n-- a.cue --\nx: 1\n\n# y\n```"]),
        ('{{< tabs >}}\n{{% tab "Linux" %}}\nRun.\n{{% /tab %}}\n', ["**Linux**\nRun."]),
        ('{% tab title="Linux" %}\nRun.\n{% endtab %}\n', ["**Linux**\nRun."]),
        ('A {{< glossary term="p" text="pod" >}} runs.\n', ["A pod runs."]),
        ("a ::: b and !!! c, `[!x]` stays: Map<Key>.\n", ["a ::: b and !!! c, `[!x]` stays: Map<Key>."]),
    ],
)
def test_dialects(text: str, kept: list[str]) -> None:
    assert texts(text) == kept


def test_attributes_of_kramdown_are_no_words_and_tuples_are() -> None:
    text = """\
## A
{: #a .b}

One.
{: .x lang="en" }

{:.note}
> Two.

    {:ok, three}

{:error, :four}

1. Contents
{:toc}
"""
    assert texts(text) == ["## A", "One.", "> Two.", "    {:ok, three}", "{:error, :four}", "1. Contents"]


def test_a_component_may_end_right_behind_a_word() -> None:
    text = 'Use <Tip title="So">the `x`</Tip> of a List<String>, <Badge>new</Badge>.\n'
    assert texts(text) == ["Use **So**the `x` of a List<String>, new."]


@given(st.lists(st.sampled_from(["words", ":::note", ":::",
                                 "!!! note", "    words", "```", "```{note}", "```{toctree}",
                                 "<Tab>",
                                 "</Tab>", "", "import x from 'y'", "=== \"a\"", "> [!TIP]",
                                 "{ref}`words`", "{{< code >}}", "{{< /code >}}", "{{{end}}}",
                                 "{{{with code}}}"]), max_size=20))  # fmt: skip
def test_every_line_stays_where_it_is(lines: list[str]) -> None:
    text = "\n".join(lines)
    assert common_markdown(text).count("\n") == text.count("\n")
