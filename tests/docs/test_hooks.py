"""The build's own check: a page that loads something from elsewhere is a warning, and a strict build has none."""

from __future__ import annotations

import importlib.util
from types import SimpleNamespace

import pytest

from .blocks import ROOT

spec = importlib.util.spec_from_file_location("docs_hooks", ROOT / "scripts/docs_hooks.py")
assert spec is not None and spec.loader is not None
hooks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(hooks)
PAGE = SimpleNamespace(file=SimpleNamespace(src_uri="page.md"))


@pytest.mark.parametrize(
    ("html", "warnings"),
    [
        ('<script src="https://cdn.example.org/a.js"></script>', 1),
        ("<img alt='' src='//cdn.example.org/a.png'>", 1),
        ('<link rel="stylesheet" href="https://fonts.example.org/css">', 1),
        ('<link rel="stylesheet" href="../assets/site.css"><script src="a.js"></script>', 0),
        ('<link rel="canonical" href="https://example.org/">', 0),
        ('<a href="https://docs.python.org/3/">Python</a>', 0),
    ],
)
def test_what_loads_from_elsewhere_is_a_warning(html: str, warnings: int, caplog: pytest.LogCaptureFixture) -> None:
    assert hooks.on_post_page(html, page=PAGE, config=None) == html
    assert len(caplog.records) == warnings
