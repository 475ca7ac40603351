"""The demo tells its whole story, with small numbers and without a terminal."""

from __future__ import annotations

import importlib.util
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "examples/python"


def load(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_demo(monkeypatch, capsys):
    demo = load("demo")
    small = {"WAITS": 3, "ROUNDS": 1, "CALLBACKS": 100, "TIMERS": 100, "CONNECTIONS": 2, "ECHOES": 3}
    for name, value in small.items():
        monkeypatch.setattr(demo, name, value)
    demo.main()
    told = capsys.readouterr().out
    assert "1. Waiting." in told and "2. Work." in told and "In short: ferrio was" in told
    assert told.count(" x as fast") == len(demo.BURSTS)
    assert "\r" not in told and "\x1b" not in told


def test_demo_draws_bars_of_any_length():
    screen = load("demo").Screen()
    for share in (0, 0.001, 0.5, 0.999, 1):
        assert len(screen.bar(share, 40)) == 40
    assert screen.bar(1, 40) == screen.full * 40
