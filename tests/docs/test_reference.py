"""The API reference leaves nothing out, and links of the files outside docs/ lead somewhere; mkdocs checks the rest."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

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
