"""Programs of tasks that wait, cancel each other and fail, in all the ways that asyncio has.

`drawing.py` draws a program: settings and nested statements, all of them plain data. `acting.py` carries it out. Here
the world for it is made, the main task is started, and what was seen is given back.
"""

import asyncio
import random
import sys
from pprint import pformat
from types import ModuleType, SimpleNamespace
from typing import Any

from . import acting, drawing
from .awaiting import NAMES
from .programs import World, collector

TURNS = 60


class Program:
    """Settings, and the statements of the main task."""

    def __init__(self, settings: dict[str, Any], statements: list[Any]) -> None:
        self.settings, self.data = settings, statements

    def __str__(self) -> str:
        return f"{self.settings}\n{pformat(self.data, width=110)}"


def program(dice: random.Random) -> Program:
    settings = {
        "one run": dice.random() < 0.7,
        "debug": dice.random() < 0.08,
        "eager": sys.version_info >= (3, 12) and dice.random() < 0.2,
        # What is asyncio's own in a program that otherwise is ferrio's: the two must get on with each other.
        "stock": [name for name in NAMES if dice.random() < 0.25] if dice.random() < 0.25 else [],
    }
    return Program(settings, drawing.Drawing(dice).statements(dice.randint(3, 9), 4))


def mixed(aio: ModuleType, stock: list[str]) -> Any:
    """The names that a program uses, some of them asyncio's."""
    return SimpleNamespace(**{name: getattr(asyncio if name in stock else aio, name) for name in NAMES})


def run(aio: ModuleType, program: Program) -> list[Any]:
    settings = program.settings
    with collector():
        names = mixed(aio, settings["stock"])
        loop = names.new_event_loop() if names.new_event_loop is not asyncio.new_event_loop else stock_loop()
        loop.set_debug(settings["debug"])
        loop.slow_callback_duration = 1000
        if settings["eager"]:
            loop.set_task_factory(names.eager_task_factory)
        world = World(loop)
        actor = acting.Actor(world, names)
        world.keep(names.Task(actor.body("main", program.data), loop=loop, name="main"), "main")
        del actor, loop  # what nobody reaches any more is collected at the end
        world.turns(TURNS, settings["one run"])
        world.finish()
        return world.seen()


def stock_loop() -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop()
