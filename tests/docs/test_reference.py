"""The API reference leaves nothing out, links outside docs/ lead somewhere, and maps of the code name what is there.

mkdocs checks the rest.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import ferrio
import pytest

from .blocks import ROOT

REFERENCE = "\n".join(page.read_text() for page in sorted((ROOT / "docs/reference").glob("*.md")))
DOCUMENTED = re.findall(r"^::: (\S+)$", REFERENCE, re.M)
LOOP = ("unix_events.py", "resolver.py", "keeping.py", "nested.py", "stuck.py", "watchdog.py")
SOURCES = (*LOOP, "events.py", "runners.py", "limits.py")


def public(path: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Each public function and method of a file of the package; of a property, what reads it."""
    tree = ast.parse((ROOT / "python/ferrio" / path).read_text())
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    bodies = [tree.body, *(node.body for node in classes)]
    for node in (node for body in bodies for node in body):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
            continue
        if not any(ast.unparse(each).endswith(".setter") for each in node.decorator_list):
            yield node.name, node


def test_every_public_name_is_in_the_reference() -> None:
    """Generated, or named in the table of what stands for asyncio's."""
    own = {name for name in ferrio.__all__ if getattr(getattr(ferrio, name), "__module__", "").startswith("ferrio")}
    assert {"RateLimiter", "Task", "run"} <= own
    assert {name for name in own if f"ferrio.{name}" not in DOCUMENTED} - set(
        re.findall(r"`(\w+)`", REFERENCE)
    ) == set()
    assert "`__version__`" in REFERENCE


@pytest.mark.parametrize("path", SOURCES)
def test_what_is_public_has_a_docstring(path: str) -> None:
    """The reference shows nothing that has none."""
    found = list(public(path))
    assert found
    assert [name for name, node in found if not ast.get_docstring(node)] == []


def test_every_method_of_the_loop_is_there_or_named_as_asyncios() -> None:
    generated = {name for path in ("_ferrio.pyi", *LOOP) for name, _ in public(path)}
    named = set(re.findall(r"`(\w+)`", REFERENCE))
    everything = {name for name in dir(ferrio.Loop) if not name.startswith("_")}
    assert everything - generated - named == set()


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / name).read_text())
    assert [link for link in links if not (ROOT / link).exists()] == []


def spelled_out(text: str) -> list[str]:
    """`a/{b,c}.rs` names two files."""
    if (group := re.search(r"{([^{}]*)}", text)) is None:
        return [text]
    return [
        name for part in group[1].split(",") for name in spelled_out(text[: group.start()] + part + text[group.end() :])
    ]


MAPS = [ROOT / "ARCHITECTURE.md", ROOT / "docs/internals.md"]
CODE = [path for folder in ("crates", "python", "scripts", "tests") for path in (ROOT / folder).rglob("*.*")]


@pytest.mark.parametrize("page", MAPS, ids=lambda page: page.name)
def test_maps_name_files_that_there_are(page: Path) -> None:
    names = {name for span in re.findall(r"`([\w/{},]+\.(?:rs|py))`", page.read_text()) for name in spelled_out(span)}
    assert names
    there = [f"/{path.relative_to(ROOT)}" for path in CODE]
    to_be_made = {"compat/since_3_16.rs"}
    assert {name for name in names if not any(path.endswith(f"/{name}") for path in there)} <= to_be_made


@pytest.mark.parametrize("page", MAPS, ids=lambda page: page.name)
def test_maps_name_methods_and_fields_that_there_are(page: Path) -> None:
    sources = [path.read_text() for path in CODE if path.suffix == ".rs"]
    for owner, member in re.findall(r"`([A-Z]\w+)(?:<[^`]*>)?::([a-z_]+)`", page.read_text()):
        has = re.compile(rf"\bfn {member}\b|\b{member}: ")
        names = re.compile(rf"^(?:pub(?:\(\w+\))? )?(?:impl|trait|struct)\b.*\b{owner}\b", re.M)
        assert any(names.search(source) and has.search(source) for source in sources), f"{owner}::{member}"
