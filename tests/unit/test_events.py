"""Handle and TimerHandle: their types, texts, comparison and the private names that libraries read."""

import asyncio
import functools
import weakref

import pytest
from helpers import HIDES_ARGUMENTS, collect_errors, turn


def noop(*args):  # in this file, whose name the texts of handles show
    pass


def test_reprs(new_loop):
    loop = new_loop()
    where = f"at {__file__}:{noop.__code__.co_firstlineno}"
    handle, timer = loop.call_soon(noop, 1, "two"), loop.call_at(123, noop)
    shown = "" if HIDES_ARGUMENTS else "1, 'two'"
    assert repr(handle) == f"<Handle noop({shown}) {where}>"
    assert repr(timer) == f"<TimerHandle when=123 noop() {where}>"
    partial = loop.call_soon(functools.partial(noop, 1), 2)
    assert repr(partial) == f"<Handle noop{'()()' if HIDES_ARGUMENTS else '(1)(2)'} {where}>"
    assert repr(loop.call_soon(print)) == "<Handle print()>"
    handle.cancel()
    timer.cancel()
    assert repr(handle) == "<Handle cancelled>"
    assert repr(timer) == "<TimerHandle cancelled when=123>"


def test_reprs_in_debug_mode_keep_the_callback(new_loop):
    loop = new_loop()
    loop.set_debug(True)
    handle, timer = loop.call_soon(noop, 1, "two"), loop.call_at(123, noop, 1)
    where = f"at {__file__}:{noop.__code__.co_firstlineno} created at {__file__}:"
    assert repr(handle).startswith(f"<Handle noop(1, 'two') {where}")
    assert repr(timer).startswith(f"<TimerHandle when=123 noop(1) {where}")
    handle.cancel()
    timer.cancel()
    assert repr(handle).startswith(f"<Handle cancelled noop(1, 'two') {where}")
    assert repr(timer).startswith(f"<TimerHandle cancelled when=123 noop(1) {where}")


def test_handles_have_the_stock_types_and_take_weak_references(new_loop):
    loop = new_loop()
    for handle in (loop.call_soon(noop), loop.call_soon_threadsafe(noop), loop.call_later(1, noop)):
        assert isinstance(handle, asyncio.Handle)
        assert weakref.ref(handle)() is handle
    assert isinstance(handle, asyncio.TimerHandle)


def test_private_names_that_libraries_read(new_loop):
    loop = new_loop()
    handle, timer = loop.call_soon(noop, 1), loop.call_at(50, noop, 2)
    assert (handle._callback, handle._args, handle._cancelled) == (noop, (1,), False)
    assert handle._loop is loop and timer._loop is loop
    assert (timer._when, timer._scheduled, timer._args) == (50, True, (2,))
    timer.cancel()
    assert (timer._callback, timer._args, timer._cancelled) == (None, None, True)


def test_a_handle_can_be_run_by_hand(new_loop):
    loop, seen = new_loop(), []
    contexts = collect_errors(loop)
    handle = loop.call_soon(seen.append, 1)
    handle._run()
    handle.cancel()
    failing = loop.call_soon(lambda: 1 / 0)
    failing._run()
    failing.cancel()
    turn(loop)
    assert seen == [1] and [context["handle"] for context in contexts] == [failing]


def test_timer_handles_compare_by_when(new_loop):
    loop = new_loop()
    early, late = loop.call_at(1, noop), loop.call_at(2, noop)
    same, other = loop.call_at(1, noop), loop.call_at(1, print)
    assert early.when() == 1 and hash(early) == hash(early.when()) == hash(same)
    assert early < late and late > early and early <= late and late >= early
    assert not late < early and not early > late and not late <= early and not early >= late
    assert early == same and early <= same and early >= same and not early < same and not early > same
    assert early != other and not early <= other and not early >= other and early != late
    same.cancel()
    assert early != same
    for method in ("__lt__", "__le__", "__gt__", "__ge__", "__eq__"):
        assert getattr(early, method)(1) is NotImplemented
    with pytest.raises(TypeError):
        early < 1  # noqa: B015
