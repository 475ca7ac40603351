"""Loops while ferrio is installed: what makes ferrio's, what stays asyncio's, who is named, and that all is undone."""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import sys
import warnings
from asyncio import unix_events

import ferrio
import pytest
from ferrio import events, foreign

STOCK = asyncio.SelectorEventLoop

pytestmark = pytest.mark.usefixtures("policy")


async def kind():
    return type(asyncio.get_running_loop())


@contextlib.contextmanager
def named():
    """The warnings of loops that run inside."""
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        texts = []
        yield texts
        texts += [f"{each.category.__name__}: {each.message}" for each in record]


MAKERS = {
    "SelectorEventLoop": lambda: asyncio.SelectorEventLoop(),
    "imported before": lambda: STOCK(),
    "None": lambda: asyncio.SelectorEventLoop(None),
    "by name": lambda: asyncio.SelectorEventLoop(selector=None),
    "private name": lambda: unix_events._UnixSelectorEventLoop(),
    "EventLoop": lambda: getattr(asyncio, "EventLoop", STOCK)(),
    "default policy": lambda: type(asyncio.get_event_loop_policy()).__bases__[0]().new_event_loop(),
}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_asyncios_own_loop_class_makes_ferrios_loops_with_the_options(name):
    ferrio.install(keep_tasks=True)
    with named() as texts:
        loop = MAKERS[name]()
        assert type(loop) is ferrio.Loop and isinstance(loop, STOCK) and loop._keeps_tasks
        assert loop.run_until_complete(kind()) is ferrio.Loop
        loop.close()
    assert texts == []
    ferrio.uninstall()
    loop = MAKERS["imported before"]()
    assert type(loop) is STOCK
    loop.close()


@pytest.mark.parametrize("installed", [True, False])
def test_a_selector_of_pythons_is_closed_with_the_loop(installed):
    if installed:
        ferrio.install()
    for kind_of in (selectors.SelectSelector, selectors.DefaultSelector):
        selector = kind_of()
        loop = asyncio.SelectorEventLoop(selector)
        assert type(loop) is (ferrio.Loop if installed else STOCK) and loop._selector is selector
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        assert selector.get_map() is None


class Odd(selectors.DefaultSelector):
    """A selector of the program's own."""

    calls = 0

    def select(self, timeout=None):
        self.calls += 1
        return super().select(timeout)


def test_a_selector_of_the_programs_own_is_used_by_asyncios_loop():
    ferrio.install()
    selector = Odd()
    with named() as texts:
        loop = asyncio.SelectorEventLoop(selector)
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
    assert type(loop) is STOCK and selector.calls > 0
    (text,) = texts
    assert text.endswith("_UnixSelectorEventLoop, made here, is not ferrio's: make it without a selector")
    with pytest.raises(TypeError, match="has a poller of its own and cannot use the selector"):
        ferrio.Loop(selector)


class Derived(STOCK):
    """Derived before ferrio was installed, and with an argument of its own."""

    turns = 0

    def __init__(self, text, **options):
        super().__init__(**options)
        self.text = text

    def _run_once(self):
        self.turns += 1
        super()._run_once()


@pytest.mark.parametrize("installed", [True, False])
def test_a_subclass_is_asyncios_and_works(installed):
    if installed:
        ferrio.install()

    class Later(asyncio.SelectorEventLoop):
        pass

    with named() as texts:
        first = Derived("text", selector=selectors.SelectSelector())
        assert (first.text, type(first._selector)) == ("text", selectors.SelectSelector)
        for loop in (first, Later(), Later(selectors.SelectSelector())):
            loop.run_until_complete(asyncio.sleep(0))
            assert not isinstance(loop, ferrio.Loop) and isinstance(loop, STOCK)
            loop.close()
        assert first.turns > 0
    assert len(texts) == (2 if installed else 0)  # two are of one class and made in one place
    assert all(each.endswith("made here, is not ferrio's: derive the class from ferrio.Loop") for each in texts)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # asyncio's own, of half a loop
def test_wrong_arguments_are_refused_as_ever():
    messages = []
    for _ in range(2):
        for arguments, options in [((1, 2), {}), ((), {"nonsense": 1})]:
            with pytest.raises(TypeError) as error:
                STOCK(*arguments, **options)
            messages.append(str(error.value))
        ferrio.install()
    assert messages[:2] == messages[2:]


def test_a_loop_is_named_once_for_each_class_and_place():
    ferrio.install()
    with named() as texts:
        for _ in range(3):
            loop = Derived("again")
            for _ in range(2):
                loop.run_until_complete(asyncio.sleep(0))
            loop.close()
        with asyncio.Runner(loop_factory=lambda: Derived("elsewhere")) as runner:
            runner.run(kind())
    assert len(texts) == 2 and foreign.named()
    assert texts[0].startswith(f"RuntimeWarning: an event loop of {__name__}.Derived, made here")


class Elsewhere(asyncio.BaseEventLoop):
    """A loop that does not come from asyncio's selector loop, as those of other packages."""

    def _process_events(self, event_list):
        pass

    def _write_to_self(self):
        pass

    class _selector:
        @staticmethod
        def select(timeout):
            return []


def test_other_loops_are_named_where_they_run():
    ferrio.install()
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        loop = Elsewhere()
        line = sys._getframe().f_lineno + 1
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
    (warning,) = record
    assert (warning.filename, warning.lineno, warning.category) == (__file__, line, RuntimeWarning)
    assert "Elsewhere, run here, is not ferrio's: make it with ferrio.new_event_loop" in str(warning.message)


def test_a_loop_from_before():
    loop = STOCK()
    ferrio.install()
    with named() as texts:
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
    assert texts[0].endswith("run here, is not ferrio's: make it after ferrio.install()")


def test_where_warnings_are_errors_the_loop_runs_all_the_same():
    """An error there would leave a loop that neither runs nor can run."""
    ferrio.install()
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("error")
        with asyncio.Runner(loop_factory=lambda: Derived("strict")) as runner:
            assert runner.run(kind()) is Derived
    assert ["made here, is not ferrio's: derive the class" in str(each.message) for each in shown] == [True]


def test_who_runs_is_noted():
    assert not events.has_run()
    ferrio.install()
    assert not events.has_run()
    asyncio.new_event_loop().close()
    assert not events.has_run()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with asyncio.Runner(loop_factory=lambda: Derived("foreign")) as runner:
            runner.run(kind())
    assert not events.has_run()
    asyncio.run(kind())
    assert events.has_run()
    ferrio.uninstall()
    assert not events.has_run()


def test_the_running_loop_is_set_by_the_same_function_afterwards():
    before = asyncio._set_running_loop, asyncio.events._set_running_loop
    ferrio.install()
    assert asyncio._set_running_loop is asyncio.events._set_running_loop is not before[0]
    with pytest.raises(TypeError):
        asyncio._set_running_loop()
    ferrio.uninstall()
    assert (asyncio._set_running_loop, asyncio.events._set_running_loop) == before


def test_install_again_takes_back_the_policy():
    ferrio.install()
    asyncio.set_event_loop_policy(None)
    assert asyncio.run(kind()) is ferrio.Loop  # by the class
    ferrio.install(nested=True)
    assert isinstance(asyncio.get_event_loop_policy(), ferrio.EventLoopPolicy)
    loop = ferrio.Loop()
    assert loop.allows_nested()
    loop.close()
