"""What `pytest --ferrio` does: `Everywhere`, a plugin that has each test run on ferrio, whoever makes its loop.

`ferrio.install()` reaches those who leave the loop to asyncio: `asyncio.run()` in a test, IsolatedAsyncioTestCase,
anyio's plugin, pytest-asyncio. Those whose project names a loop are reached where they ask for it:

* pytest-asyncio from 1.4 on: its hook `pytest_asyncio_loop_factories`; before: its fixture `event_loop_policy`.
* anyio: the options of the fixture `anyio_backend`, where that is asyncio.
* unittest: the attribute `loop_factory` of IsolatedAsyncioTestCase, from Python 3.13 on.

A loop that is ferrio's already, such as one with a virtual clock, is left. So is a loop that a test makes itself.
Invariant: with the run, what was installed goes; classes and fixtures of the project's are its own again, too.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import unittest
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

import pytest

import ferrio

Factory = Callable[..., asyncio.AbstractEventLoop]


class Everywhere:
    """The hooks. ferrio is installed from the beginning to the end of its life as a plugin."""

    def __init__(self) -> None:
        ferrio.install()
        self._changed: dict[type[unittest.IsolatedAsyncioTestCase], Any] = {}

    def pytest_report_header(self) -> str:
        """A line at the top of the report."""
        return f"ferrio: {ferrio.__version__}, the loop of all tests"

    def pytest_unconfigure(self) -> None:
        """Leave nothing behind: pytest.main() may have been called by a program."""
        for case, factory in self._changed.items():
            if factory is None:
                del case.loop_factory  # type: ignore[attr-defined]  # from Python 3.13 on
            else:
                case.loop_factory = factory  # type: ignore[attr-defined]
        self._changed.clear()
        ferrio.uninstall()

    @pytest.hookimpl(wrapper=True, optionalhook=True)
    def pytest_asyncio_loop_factories(self) -> Generator[None, Mapping[str, Factory] | None, Mapping[str, Factory]]:
        """pytest-asyncio: the factories of the project keep their names, by which markers choose."""
        theirs = yield
        return {name: on_ferrio(factory) for name, factory in (theirs or {"ferrio": ferrio.new_event_loop}).items()}

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
        """Have fixtures that are known to choose a loop choose ferrio's."""
        change = _FIXTURES.get(fixturedef.argname)
        if change is None:
            return (yield)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fixturedef, "func", _changing(fixturedef.func, change))
            return (yield)

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """unittest: cases that name a loop."""
        case = getattr(item, "cls", None)
        if not (isinstance(case, type) and issubclass(case, unittest.IsolatedAsyncioTestCase)):
            return
        factory = getattr(case, "loop_factory", None)
        if factory is not None and case not in self._changed:
            self._changed[case] = vars(case).get("loop_factory")
            ours, is_method = on_ferrio(factory), inspect.isfunction(inspect.getattr_static(case, "loop_factory"))
            case.loop_factory = ours if is_method else staticmethod(ours)  # type: ignore[attr-defined]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """A test before may have set a policy for good: `asyncio.set_event_loop_policy(None)` is a common last line."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            if isinstance(asyncio.get_event_loop_policy(), ferrio.EventLoopPolicy):
                return
        ferrio.uninstall()
        ferrio.install()


def on_ferrio(factory: Factory) -> Factory:
    """A factory whose loops are those of the other where they are ferrio's, else ferrio's in their place."""

    @functools.wraps(factory, updated=())  # a class has no attributes to hand on
    def make(*args: Any, **options: Any) -> asyncio.AbstractEventLoop:
        loop = factory(*args, **options)
        if isinstance(loop, ferrio.Loop):
            return loop
        loop.close()
        return ferrio.new_event_loop()

    return make


def _policy(value: Any) -> Any:
    return value if isinstance(value, ferrio.EventLoopPolicy) else ferrio.EventLoopPolicy()


def _backend(value: Any) -> Any:
    if not (isinstance(value, tuple) and len(value) == 2 and value[0] == "asyncio"):
        return value
    options = dict(value[1])
    chosen = options.pop("use_uvloop", False)
    if factory := options.get("loop_factory"):
        options["loop_factory"] = on_ferrio(factory)
    elif chosen:
        options["loop_factory"] = ferrio.new_event_loop
    return "asyncio", options


_FIXTURES: dict[str, Callable[[Any], Any]] = {"event_loop_policy": _policy, "anyio_backend": _backend}
"""By the names that other plugins look for: what becomes of their values."""


def _changing(function: Callable[..., Any], change: Callable[[Any], Any]) -> Callable[..., Any]:
    """The fixture's function, with its value changed on the way out."""
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generator(*args: Any, **values: Any) -> Iterator[Any]:
            for value in function(*args, **values):
                yield change(value)

        return generator

    @functools.wraps(function)
    def plain(*args: Any, **values: Any) -> Any:
        return change(function(*args, **values))

    return plain
