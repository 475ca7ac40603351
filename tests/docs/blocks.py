"""Extracts from a Markdown page what can be run: the fenced blocks, in order, with their marks. Runs nothing.

The language says what a block is: `python` a program, `sh` or `bash` commands, `text` output or a drawing, `ini` and
`toml` a configuration file, `rust` what cargo runs as a doctest of a crate that includes the page. Any other language,
none at all, or code that is indented instead of fenced, is an error.
`title="name"` in the fence's line names the file, which readers see too; `title="output"` on a text block means: this
is what the block before it prints. What readers need not see is in a comment right above the fence:
`<!-- test: continues -->`, `<!-- test: status 1 -->`, `<!-- test: serves "text" -->`; see RULES.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUN, KEEP, SHOW = ("python", "sh", "bash"), ("ini", "toml"), ("text", "rust")
CRATES = ROOT / "crates"
PAGES_OF_EXTENSIONS = ("extensions.md",)  # tests/bridge/test_page.py builds what is there
RULES = {
    "continues": r"continues",  # the program goes on where the page's program before it ended
    "status": r"status (\d+)",  # the program or the commands end with this status
    "serves": r'serves "([^"]+)"',  # runs until Ctrl-C at the page's end; the page goes on once it prints this
}
FENCE = re.compile(r'^(?P<fence>`{3,})(?P<language>[\w+-]*)(?: title="(?P<title>[^"]+)")?(?P<rest>.*)$')
MARK = re.compile(r"^<!-- test: (.+) -->$")
INDENTED = re.compile(r"^( {4,}|\t)\S")
OPENS_INDENTED = re.compile(r"^\s*([*+-]|\d+\.|!!!|\?\?\?|===|:::|\[\^)\s*")


@dataclass
class Block:
    """One fenced block. `line` is where its fence opens; `marks` has a rule's name and its argument."""

    page: Path
    line: int
    language: str
    title: str
    text: str
    marks: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT) if self.page.is_relative_to(ROOT) else self.page}:{self.line}"


def pages() -> list[Path]:
    """The README and every page of the docs."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def extract(page: Path, text: str | None = None) -> list[Block]:
    """The blocks of a page, in order. ValueError for what breaks the rules above."""
    blocks: list[Block] = []
    lines = (page.read_text(encoding="utf-8") if text is None else text).splitlines()
    number, marks, indent_is_fine = 0, {}, False
    while number < len(lines):
        line = lines[number]
        number += 1
        if found := FENCE.match(line):
            end = _closing(page, lines, number, found["fence"])
            blocks.append(_block(page, number, found, "\n".join([*lines[number:end], ""]), marks))
            number, marks = end + 1, {}
        elif found := MARK.match(line):
            marks |= _rule(page, number, found[1])
        elif marks and line.strip():
            raise ValueError(f"{page}:{number}: a mark belongs right above a fence")
        elif line.strip() and not line.startswith(" "):
            indent_is_fine = bool(OPENS_INDENTED.match(line)) or line.startswith("<")
        elif INDENTED.match(line) and not indent_is_fine:
            raise ValueError(f"{page}:{number}: indented code is not extracted: put it in a fence with its language")
        if "```" in line and not FENCE.match(line):
            raise ValueError(f"{page}:{number}: a fence that is indented or has other text is not extracted")
    return blocks


def _closing(page: Path, lines: list[str], number: int, fence: str) -> int:
    for end in range(number, len(lines)):
        if lines[end] == fence:
            return end
    raise ValueError(f"{page}:{number}: the block is never closed")


def _block(page: Path, number: int, found: re.Match[str], text: str, marks: dict[str, str]) -> Block:
    language, title = found["language"], found["title"] or ""
    if language not in RUN + KEEP + SHOW:
        raise ValueError(f"{page}:{number}: unknown language {language!r}; known: {', '.join(RUN + KEEP + SHOW)}")
    if found["rest"]:
        raise ValueError(f'{page}:{number}: {found["rest"].strip()!r} after the language; known: title="..."')
    if language == "rust" and not _is_doctest(page):
        raise ValueError(f"{page}:{number}: no crate includes this page, so nobody runs its Rust")
    if language in KEEP and not title:
        raise ValueError(f'{page}:{number}: a configuration file needs its name: title="..."')
    if marks and language not in RUN:
        raise ValueError(f"{page}:{number}: marks are for what runs")
    return Block(page, number, language, title, text, marks)


def _is_doctest(page: Path) -> bool:
    """Whether a crate includes it, or a test of its own builds it."""
    included = f'include_str!("../../../docs/{page.name}")'
    return page.name in PAGES_OF_EXTENSIONS or any(included in root.read_text() for root in CRATES.glob("*/src/lib.rs"))


def _rule(page: Path, number: int, mark: str) -> dict[str, str]:
    for name, pattern in RULES.items():
        if found := re.fullmatch(pattern, mark):
            return {name: found[1] if found.groups() else ""}
    raise ValueError(f"{page}:{number}: unknown mark {mark!r}; known: {', '.join(RULES)}")
