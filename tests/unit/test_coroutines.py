"""What asyncio's coroutines and futures do when they are driven by hand: `send`, `throw`, `close`, `__await__`.

Native coroutines stand in the place of coroutine functions, and a native future is its own iterator; neither may show.
"""

import asyncio
import sys
import types
import warnings

import pytest
from helpers import on_loop


def outcome(call, *args):
    """What a call comes to: what it returns, or the exception, as text."""
    try:
        answer = call(*args)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return type(answer).__name__ if asyncio.isfuture(answer) else repr(answer)


def makers(aio, loop):
    future = loop.create_future()
    return {
        "sleep(0)": lambda: aio.sleep(0),
        "sleep": lambda: aio.sleep(1),
        "get": aio.Queue().get,
        "put": lambda: aio.Queue().put(1),
        "event": aio.Event().wait,
        "acquire": aio.Lock().acquire,
        "wait": lambda: aio.wait([future]),
        "wait_for": lambda: aio.wait_for(future, 1),
        "read": aio.StreamReader().read,
        "readline": aio.StreamReader().readline,
    }


def in_both(program):
    """What `program(aio, loop)` returns is the same in asyncio and in ferrio, each on its own loop."""

    def test(aio, new_loop):
        async def main(module, loop):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return program(module, loop)

        loop, oracle = new_loop(), asyncio.SelectorEventLoop()
        try:
            expected = oracle.run_until_complete(main(asyncio, oracle))
        finally:
            oracle.close()
        assert loop.run_until_complete(main(aio, loop)) == expected

    test.__name__ = program.__name__
    return test


@in_both
def test_a_value_is_not_sent_to_what_has_not_begun(aio, loop):
    seen = {}
    for name, make in makers(aio, loop).items():
        coroutine = make()
        seen[name] = outcome(coroutine.send, 5)
        coroutine.close()
    return seen


@in_both
def test_what_has_ended_cannot_be_used_again(aio, loop):
    seen = []
    for name, make in makers(aio, loop).items():
        for end in ("throw", "close"):
            coroutine = make()
            seen.append((name, outcome(coroutine.throw, ValueError()) if end == "throw" else coroutine.close()))
            seen += [outcome(coroutine.throw, KeyError(1)), outcome(coroutine.send, None), coroutine.close()]
    return seen


@in_both
def test_what_waits_is_not_to_be_sent_to(aio, loop):
    seen = []
    lock = aio.Lock()
    outcome(lock.acquire().send, None)
    makes = makers(aio, loop) | {"acquire": lock.acquire}
    for name in ("sleep", "get", "event", "acquire", "wait", "wait_for"):
        coroutine = makes[name]()
        coroutine.send(None)
        seen += [name, outcome(coroutine.send, None), outcome(coroutine.send, None)]
    return seen


class NoException:
    pass


class Raises(Exception):
    def __init__(self):
        raise ZeroDivisionError


class Other(Exception):
    def __new__(cls):
        return 3


THROWN = [
    (ValueError("v"),),
    (ValueError,),
    (Raises,),
    (Other,),
    ("text",),
    (3,),
    (None,),
    (NoException,),
    (ValueError, "w"),
    (ValueError, (1, 2)),
    (ValueError, ValueError("x")),
    (ValueError, KeyError("k")),
    (ValueError("v"), "w"),
    (ValueError, None, 3),
    (ValueError, None, None),
    (),
    (1, 2, 3, 4),
]


@pytest.mark.parametrize("thrown", THROWN)
def test_whatever_is_thrown_is_made_an_exception_as_ever(aio, new_loop, thrown):
    def program(module, loop):
        seen = []
        for make in (module.Queue().get, lambda: module.sleep(0), module.Event().wait):
            for begun in (False, True):
                coroutine = make()
                if begun:
                    coroutine.send(None)
                seen.append(outcome(coroutine.throw, *thrown))
                coroutine.close()
        iterator = loop.create_future().__await__()
        return [*seen, outcome(iterator.throw, *thrown), outcome(iterator.throw, KeyError(1))]

    in_both(program)(aio, new_loop)


@in_both
def test_the_iterator_of_a_future_takes_what_it_is_sent(aio, loop):
    seen = []
    done = loop.create_future()
    done.set_result((1, 2))
    failed = loop.create_future()
    failed.set_exception(KeyError(1))
    for future in (loop.create_future(), done, failed, aio.gather(loop.create_future())):
        iterator = future.__await__()
        seen += [outcome(iterator.send, 5), outcome(iterator.throw, KeyError(2)), iterator.close()]
    return seen


@in_both
def test_a_value_sent_to_what_awaits_a_future_is_ignored(aio, loop):
    async def awaits(future):
        return await future

    @types.coroutine
    def yields_from(future):
        return (yield from future)

    seen = []
    for make in (awaits, yields_from):
        future = loop.create_future()
        coroutine = make(future)
        seen.append(outcome(coroutine.send, None))
        future.set_result(5)
        seen.append(outcome(coroutine.send, "x"))
        coroutine = make(loop.create_future())
        seen += [outcome(coroutine.send, None), outcome(coroutine.send, "x"), outcome(coroutine.throw, KeyError(1))]
    return seen


@on_loop
async def test_waiting_for_an_iterable_that_gives_nothing_is_an_error(loop):
    with pytest.raises(AssertionError):
        await asyncio.wait(iter([]))


@on_loop
async def test_a_function_that_raises_stop_iteration_returns_nothing(loop, aio):
    """As in any coroutine; it would be taken for what was returned."""

    class Stops(aio.Queue):
        def _get(self):
            raise StopIteration(1)

        _put = __iter__ = __le__ = __lt__ = __gt__ = __ge__ = __radd__ = lambda *_: next(iter(()))

    stops, full = Stops(), Stops()
    stops._queue.append(1)
    for call in (stops.get, lambda: full.put(1), lambda: aio.sleep(stops), lambda: aio.wait(stops)):
        with pytest.raises(RuntimeError, match="coroutine raised StopIteration") as caught:
            await call()
        assert isinstance(caught.value.__cause__, StopIteration)


@on_loop
async def test_what_send_raises_has_its_context(loop, aio):
    for coroutine in (aio.sleep(0), aio.Lock().acquire(), iter(done(loop))):
        handled = KeyError()
        try:
            raise handled
        except KeyError:
            with pytest.raises(StopIteration) as caught:
                coroutine.send(None)
                coroutine.send(None)
        bare = sys.version_info >= (3, 14) and caught.value.value is not None
        assert caught.value.__context__ is (None if bare else handled)


def done(loop):
    future = loop.create_future()
    future.set_result(5)
    return future
