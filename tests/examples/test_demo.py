"""The demo tells its whole story with small numbers: as plain text in a pipe, with bars in a terminal, on any width."""

import importlib.util
import io
import re
import sys

import pytest
from programs import FOLDER

console_module = pytest.importorskip("rich.console", reason="rich is not installed: make examples")
SMALL = {
    "WAITS": 3,
    "ROUNDS": 1,
    "TASKS": 20,
    "STEPS": 2,
    "SLEEPERS": 20,
    "CALLBACKS": 100,
    "CONNECTIONS": 2,
    "ECHOES": 3,
}
ESCAPE = re.compile(r"\x1b\[[?0-9;]*[A-Za-z]")


@pytest.fixture
def demo(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    spec = importlib.util.spec_from_file_location("demo", FOLDER / "demo.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, value in SMALL.items():
        assert hasattr(module, name)
        monkeypatch.setattr(module, name, value)
    bursts = tuple((title, in_two_milliseconds(work), meaning) for title, work, meaning in module.BURSTS)
    monkeypatch.setattr(module, "BURSTS", bursts)
    return module


def in_two_milliseconds(work):
    """The same burst; how long it took is no question of the machine, on which the width of the figures depends."""

    async def burst():
        assert await work() > 0
        return 0.002

    return burst


def tell(demo, encoding="utf-8", **settings):
    """What it writes: to a terminal if `force_terminal` is among the settings."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding, newline="")
    demo.main(console_module.Console(file=stream, highlight=False, **settings))
    stream.flush()
    return stream.buffer.getvalue().decode(encoding)


def test_in_a_pipe(demo, monkeypatch, capsys):
    monkeypatch.delenv("COLUMNS", raising=False)
    demo.main()
    told = capsys.readouterr().out
    assert "1. Waiting" in told and "2. Work" in told and "In short" in told
    assert told.count(" x as fast") == len(demo.BURSTS)
    assert told.count("asyncio ━") == told.count("ferrio ━") == 1 + len(demo.BURSTS)
    assert "\r" not in told and "\x1b" not in told
    assert max(map(len, told.splitlines())) <= 80


@pytest.mark.parametrize("width", [30, 40, 60, 300])
def test_any_width(demo, width):
    told = tell(demo, width=width)
    assert max(map(len, told.splitlines())) <= min(width, demo.WIDEST)
    # No figure may be cut off, however little is left for the bars.
    assert told.count(" s ") + told.count(" s\n") >= 4
    assert len(re.findall(r"\d\.\d ms\b", told)) == 2 * len(demo.BURSTS)
    assert told.count(" x as fast") == len(demo.BURSTS)


def test_in_a_terminal(demo):
    told = tell(demo, width=80, force_terminal=True, color_system="256", _environ={"TERM": "xterm-256color"})
    assert f"{len(demo.BURSTS) * 2}/{len(demo.BURSTS) * 2}" in ESCAPE.sub("", told)  # the live bar, at its end
    assert "\x1b[36m" in told and "\x1b[32m" in told
    assert told.count("\x1b[?25l") == told.count("\x1b[?25h") > 0  # the cursor comes back


def test_in_a_terminal_without_colours(demo):
    told = tell(demo, width=80, force_terminal=True, _environ={"TERM": "xterm-256color", "NO_COLOR": "1"})
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", told), "a colour"
    assert told.count(" x as fast") == len(demo.BURSTS)


def test_in_a_dumb_terminal(demo):
    assert "\x1b" not in tell(demo, width=80, force_terminal=True, _environ={"TERM": "dumb"})


def test_without_unicode(demo):
    assert "asyncio ---" in tell(demo, "ascii", width=80)


def test_says_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.console", None)  # as if rich were not installed
    with pytest.raises(SystemExit, match="rich is not installed: `make demo` installs it"):
        spec = importlib.util.spec_from_file_location("demo", FOLDER / "demo.py")
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
