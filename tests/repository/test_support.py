"""The names by which native code calls Python: each is there, and each that is there is called."""

import ast
import importlib
import re
from pathlib import Path

import ferrio
import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "crates" / "ferrio-python" / "src"
SUPPORT = ROOT / "python" / "ferrio" / "_support"
TOPICS = sorted(path.stem for path in SUPPORT.glob("*.py") if path.stem != "__init__")
CODE = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES.rglob("*.rs"))
# `TASKS.helper(py, intern!(py, "task_repr"))`, or a name that is chosen where it is interned.
CALLED = re.findall(r'\b([A-Z_]+)\s*\.helper\(\s*[\w.()]+,\s*intern!\([\w.()]+,\s*"(\w+)"\),?\s*\)', CODE)
INTERNED = set(re.findall(r'intern!\([\w.()]+,\s*"(\w+)"\)', CODE)) | set(re.findall(r'"(\w+)"', CODE))


def defined(topic):
    """The public names of a topic: functions, and what is asyncio's own."""
    tree = ast.parse((SUPPORT / f"{topic}.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def test_the_topics_are_those_that_native_code_knows():
    known = re.findall(r'Names = Names::of\("ferrio\._support\.(\w+)"\)', CODE)
    assert sorted(known) == TOPICS


@pytest.mark.parametrize(("topic", "name"), sorted(set(CALLED)))
def test_what_is_called_is_there(topic, name):
    module = importlib.import_module(f"ferrio._support.{topic.lower()}")
    assert hasattr(module, name), f"native code calls {topic.lower()}.{name}"


@pytest.mark.parametrize("topic", TOPICS)
def test_what_is_there_is_called(topic):
    python = "\n".join(path.read_text(encoding="utf-8") for path in Path(ferrio.__file__).parent.rglob("*.py"))
    for name in defined(topic):
        if not name.startswith("_"):
            used = name in INTERNED or len(re.findall(rf"\b{name}\b", python)) > 1
            assert used, f"nobody calls ferrio._support.{topic}.{name}"


def test_calls_were_found():
    assert len(CALLED) > 40
