"""Markdown as blocks: what is markup goes, code stays, and no text takes long or is lost."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from wbrag_pipeline.datasets.corpora import read_corpus
from wbrag_pipeline.datasets.documents import markdown_text
from wbrag_pipeline.datasets.documents.blocks import BadDocument
from wbrag_pipeline.datasets.documents.markdown_text import blocks_of_markdown
from wbrag_pipeline.errors import InputError

CODE = '''class Agent:
    """Use <!-- marker --> in templates; **not bold**, _not_ [a](link)."""

    def __init__(self, **options):
        self.area = 2**3**2  # cells

        return [x * y for x, y in pairs]
'''
SHELL = "# install the agent first\nsudo apt install wh-agent\n"
YAML = 'jobs:\n  - name: nightly\n    cron: "0 2 * * *"\n- item: last\n> quoted prompt\n'


def texts(markdown: str) -> list[str]:
    return [block.text for block in blocks_of_markdown(markdown)]


@pytest.mark.parametrize("fence", ["```", "~~~", "````", "``` \t"])
@pytest.mark.parametrize("code", [CODE, SHELL, YAML])
def test_code_is_kept_as_it_is_written(tmp_path: Path, code: str, fence: str) -> None:
    close = fence.strip()
    (tmp_path / "a.md").write_text(f"Before.\n\n{fence}lang\n{code}{close}\n\nAfter `__x__` and ``2**3**2 ` ``.\n")
    (row,) = read_corpus(tmp_path).iter_rows(named=True)
    assert f"lang\n{code}{close}\n" in row["text"]
    assert row["title"] == "a"  # and no comment of a shell
    assert row["text"].endswith("After `__x__` and ``2**3**2 ` ``.")


def test_indented_code_is_kept_as_it_is_written() -> None:
    (before, block) = blocks_of_markdown("Run:\n\n    # first\n    if a:\n        __b__\n")
    assert before.text == "Run:" and block.text == "# first\nif a:\n    __b__" and block.fence == "```"


def test_code_that_is_longer_than_a_passage_is_cut_between_lines(tmp_path: Path) -> None:
    lines = [f"    step {number} = [value, {number}]" for number in range(100)]
    (tmp_path / "a.md").write_text("# A\n\n```py\n" + "\n".join(lines) + "\n```\n")
    found = read_corpus(tmp_path)["text"].to_list()
    assert len(found) == 5 and all(text.startswith("```py\n    step") and text.endswith("\n```") for text in found)
    assert [line for text in found for line in text.split("\n")[1:-1]] == lines


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("# T #\n\na **b** `c` __d__ *e* _f_ ~~g~~", ["T", "a b `c` d e f g"]),
        ("a ** b ** c, x*y and snake_case_name", ["a ** b ** c, x*y and snake_case_name"]),
        (r"\*not\* 5 \< 6 &amp; 7", ["*not* 5 < 6 & 7"]),
        ("**a `b** c`", ["**a `b** c`"]),
        ("a * b\n* item\n* other\n> quote", ["a * b", "- item", "- other", "quote"]),
        ("3. a\n4. b\n   - c\n\n     d", ["3. a", "4. b", "- c", "d"]),
        ("1. ```\n   x\n   ```", ["1. ", "x"]),
        ("x <!-- **y --> z <!-- w", ["x  z <!-- w"]),
        ("[![i](s.png)](u) [a](b_(c)) [c] [d][r]\n\n[r]: /u", ["i a [c] d"]),
        ("<https://example.org/x_y_z>", ["https://example.org/x_y_z"]),
        ("# C#\n\nx", ["C#", "x"]),
        ("T\n---\nx", ["T", "x"]),
        ("| a | b |\n|---|---|\n| `c|d` | *e* |", ["a | b", "`c | d`"]),
        ("<details><summary>S &amp; T</summary>\n\nset <your-name>\n\n</details>", ["S & T", "set <your-name>"]),
        ("<div>\nkept <b>too</b>\n</div>\n\n<script>\nno\n</script>", ["kept too"]),
        ("<!-- never closed\nkept", ["<!-- never closed\nkept"]),
        ("line one  \nline two\\\nline three", ["line one\nline two\nline three"]),
    ],
)
def test_markup_goes_and_words_stay(markdown: str, expected: list[str]) -> None:
    assert [text.strip() for text in texts(markdown)] == [text.strip() for text in expected]


def test_headings_are_those_of_markdown_and_a_passage_has_their_path(tmp_path: Path) -> None:
    words = "word " * 90
    (tmp_path / "a.md").write_text(
        f"# Guide\n\n{words}\n\n## Install *it*\n\n```sh\n# no heading\n```\n\n### Linux\n\n{words}\n\n{words}\n\n"
        f"    # neither\n\n## Settings\n\n{words}\n\nNet\n---\n\n{words}\n"
    )
    assert [
        (row["title"], [part for part in ("Install it", "Linux", "Settings", "Net") if part in row["text"]])
        for row in read_corpus(tmp_path).iter_rows(named=True)
    ] == [
        ("Guide", ["Install it", "Linux"]),
        ("Guide > Install it > Linux", []),
        ("Guide > Install it > Linux", ["Settings"]),
        ("Guide > Settings", ["Net"]),
        ("Guide > Net", []),
    ]


def test_a_path_of_long_headings_is_short(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# G\n\n" + "".join(f"{'#' * n} {'long ' * 90}\n\n" for n in range(2, 7)) + "x.\n")
    assert max(len(title) for title in read_corpus(tmp_path)["title"]) < 300


def test_the_title_of_front_matter_stands_in_for_a_first_heading(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("---\ntitle: Pumps\n---\n## Weight\n\n42 kilograms.\n")
    (tmp_path / "b.md").write_text("---\ntitle: Pumps\n---\n# Heading\n\n42 kilograms.\n")
    assert read_corpus(tmp_path)["title"].to_list() == ["Pumps > Weight", "Heading"]


@pytest.mark.parametrize("nested", ["> " * 200 + "deep", "".join("  " * n + "- deep\n" for n in range(100))])
def test_what_is_nested_too_deeply_is_refused_and_not_left_out_in_silence(tmp_path: Path, nested: str) -> None:
    (tmp_path / "a.md").write_text(nested)
    with pytest.raises(InputError, match=r"a\.md, line 1: has lists or quotes more than 30 deep"):
        read_corpus(tmp_path)


MARKS = (
    "<!--|[|[a](|![a](|**a |__a |`a |`|**|[a]|<script |<a|<a b='|*a_|~~a|- a\n|> a\n|a|b\n|-\n|<div>\n|[a]: x\n|```\n"
    "|\\[|&|<http:|# a\n\n|    a\n\n|1. |![|](|<![CDATA[|<?"
).split("|")


@pytest.mark.parametrize("mark", MARKS)
def test_markdown_is_parsed_in_bounded_parts(mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # From every mark on, the rest was searched for its end.
    parsed = {"parse": 0, "parseInline": 0}
    longest = dict(parsed)

    def counting(name: str) -> None:
        real = getattr(MarkdownIt, name)

        def parse(self: MarkdownIt, source: str, env: object = None) -> object:
            parsed[name] += len(source)
            longest[name] = max(longest[name], len(source))
            return real(self, source, env)

        monkeypatch.setattr(MarkdownIt, name, parse)

    for name in parsed:
        counting(name)
    monkeypatch.setattr(markdown_text, "_WINDOW", 1 << 11)
    monkeypatch.setattr(markdown_text, "_LARGEST_WINDOW", 1 << 13)
    monkeypatch.setattr(markdown_text, "_LONGEST_INLINE", 1 << 8)
    text = mark * (60_000 // len(mark))
    with suppress(BadDocument):  # lists in lists
        list(blocks_of_markdown(text))
    assert longest["parseInline"] <= 1 << 8 and parsed["parseInline"] <= len(text)
    # A line is not cut, so a text that is one line is one window.
    assert longest["parse"] <= (len(text) if "\n" not in mark else (1 << 13) + 10) and parsed["parse"] <= 4 * len(text)


@given(
    st.lists(
        st.sampled_from(["word ", "- a\n", "\n\n", "```\n", "# h\n", "> q\n", "    i\n", "|", "x\n"]), max_size=400
    )
)
def test_a_document_that_is_read_in_windows_loses_no_word(pieces: list[str]) -> None:
    text = "".join(pieces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(markdown_text, "_WINDOW", 40)
        patch.setattr(markdown_text, "_LARGEST_WINDOW", 80)
        found = " ".join(texts(text))
    for letters in ("word", "a", "q", "i", "x"):
        assert found.count(letters) == text.count(letters)


def test_code_of_several_windows_stays_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markdown_text, "_WINDOW", 40)
    monkeypatch.setattr(markdown_text, "_LARGEST_WINDOW", 80)
    lines = [f"# __line__ {number}" for number in range(30)]
    *code, last = blocks_of_markdown("```sh\n" + "\n".join(lines) + "\n```\n\nAfter *it*.\n")
    assert all(block.fence == "```sh" for block in code) and last.text == "After it."
    assert [line for block in code for line in block.text.split("\n")] == lines


def test_a_bad_document_says_where() -> None:
    with pytest.raises(BadDocument) as caught:
        list(blocks_of_markdown("> " * 100 + "x"))
    assert caught.value.line == 1
