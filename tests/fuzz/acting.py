"""Carries out what `drawing.py` drew: statements of tasks, awaitables, reactions of callbacks.

Each statement is a method `do_<name>`, each awaitable `make_<name>`, each reaction `react_<name>`. What they see goes
into the world's one log. They act on objects of the module they are given, which is asyncio's or ferrio's.
"""

import asyncio
import contextlib
import contextvars
import functools
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

from .awaiting import Odd, Waits, ordered, subclass
from .programs import EXCEPTIONS, World, in_tests, shown, told

ENOUGH = 60  # futures and tasks
VARIABLE: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=-1)


class Actor:
    """Acts in one world."""

    def __init__(self, world: World, names: Any) -> None:
        self.world, self.names, self.loop = world, names, world.loop
        self.bodies = 0
        self.waits = Waits()
        self.makers: list[Any] = []  # what the bodies that are made now run for; filled when it is there itself
        self.callbacks: list[Callable[..., None]] = []
        lock = names.Lock()
        self.objects: dict[str, list[Any]] = {
            "lock": [names.Lock(), lock],
            "semaphore": [names.Semaphore(1), names.BoundedSemaphore(2)],
            "condition": [names.Condition(), names.Condition(lock)],
            "event": [names.Event(), names.Event()],
            "barrier": [names.Barrier(2), names.Barrier(1)],
            "queue": [names.Queue(1), names.PriorityQueue(2), names.LifoQueue()],
        }

    def object(self, kind: str, number: int) -> Any:
        return self.objects[kind][number % len(self.objects[kind])]

    def make(self, awaitable: tuple[Any, ...]) -> Any:
        return getattr(self, "make_" + awaitable[0])(*awaitable[1:])

    def react(self, reaction: tuple[Any, ...]) -> None:
        getattr(self, "react_" + reaction[0])(*reaction[1:])

    def inner(self, statements: list[Any], makers: Sequence[Any] = (), task: Any = None) -> Any:
        self.bodies += 1
        return self.body(f"body{self.bodies}", statements, makers, task)

    async def body(self, name: str, statements: list[Any], makers: Sequence[Any] = (), task: Any = None) -> Any:
        note = self.world.note
        for maker in (*makers, task):
            self.waits.add(maker, asyncio.current_task(self.loop))
        note(name, "begins", VARIABLE.get())
        for policy, operation, *arguments in statements:
            if self.world.closed:
                raise GeneratorExit
            if operation == "return":
                return arguments[0]
            try:
                value = await getattr(self, "do_" + operation)(name, *arguments)
                note(name, operation, shown(value))
            except GeneratorExit:
                raise  # when an object dies is nobody's promise
            except BaseException as error:
                if self.world.closed:
                    raise
                note(name, operation, told(error), self.cancelling())
                if policy == "other":
                    raise LookupError(name) from error
                if policy == "raise" or (policy == "log" and not isinstance(error, Exception)):
                    raise
                if policy == "return":
                    return "left"
                if policy == "uncancel" and (task := asyncio.current_task()):
                    note(name, "uncancel", task.uncancel())
        return name

    def cancelling(self) -> Any:
        task = asyncio.current_task(self.loop)
        return task and (self.world.label(task), task.cancelling())

    # Statements

    async def do_await(self, name: str, awaitable: tuple[Any, ...]) -> Any:
        value = await self.make(awaitable)
        return self.things(value)

    def things(self, value: Any) -> Any:
        """A result, in a form that compares: sets of futures by their names."""
        if isinstance(value, tuple) and len(value) == 2 and all(isinstance(each, set) for each in value):
            return [self.world.labels(each) for each in value]
        return value

    async def do_spawn(self, name: str, how: str, awaitable: tuple[Any, ...], keep: bool) -> None:
        task = self.spawn(how, awaitable)
        if keep:
            self.world.keep(task, "task")

    def spawn(self, how: str, awaitable: tuple[Any, ...]) -> Any:
        if len(self.world.things) > ENOUGH:
            raise LookupError("enough")
        title, before = f"t{len(self.world.things)}", self.waits.mark()
        # A body is run by a task of its own: nobody waits for it yet.
        made = self.inner(awaitable[1]) if awaitable[0] == "body" else self.make(awaitable)
        task = self.task(how, made, title)
        self.waits.add_since(before, task)
        return task

    def task(self, how: str, made: Any, title: str) -> Any:
        if how == "ensure_future":
            return self.names.ensure_future(made, loop=self.loop)
        if how == "loop":
            return self.loop.create_task(made, name=title)
        if how == "class":
            return self.names.Task(made, loop=self.loop, name=title)
        if how == "eager" and sys.version_info >= (3, 12):
            return self.names.Task(made, loop=self.loop, name=title, eager_start=True)
        if how == "context":
            context = contextvars.copy_context()
            context.run(VARIABLE.set, len(self.world.things))
            return self.names.create_task(made, name=title, context=context)
        return self.names.create_task(made, name=title)

    async def do_cancel(self, name: str, which: int, message: tuple[Any, ...]) -> Any:
        return self.world.pick(which).cancel(*message)

    async def do_uncancel(self, name: str, which: int) -> Any:
        return self.world.pick(which).uncancel()

    async def do_cancel_self(self, name: str, message: tuple[Any, ...]) -> Any:
        task = asyncio.current_task()
        return task and task.cancel(*message)

    async def do_callback(self, name: str, which: int, reaction: tuple[Any, ...], context: bool) -> None:
        self.add(which, reaction, **self.context(context))

    def context(self, wanted: bool) -> dict[str, Any]:
        if not wanted:
            return {}
        context = contextvars.copy_context()
        context.run(VARIABLE.set, len(self.callbacks))
        return {"context": context}

    def add(self, which: int, reaction: tuple[Any, ...], **context: Any) -> None:
        self.world.pick(which).add_done_callback(self.called(reaction), **context)

    def called(self, reaction: tuple[Any, ...]) -> Callable[..., None]:
        number = len(self.callbacks)

        def callback(*arguments: Any) -> None:
            if self.world.closed:
                return
            named = [self.world.label(each) for each in arguments]
            self.world.note("callback", number, named, VARIABLE.get(), self.cancelling())
            self.react(reaction)

        self.callbacks.append(callback)
        return callback

    async def do_settle(self, name: str, which: int, error: str | None) -> Any:
        return self.settle(which, error)

    def settle(self, which: int, error: str | None) -> Any:
        future = self.world.pick(which)
        if error is None:
            return future.set_result(which)
        return future.set_exception(EXCEPTIONS[error]())

    async def do_scope(self, name: str, kind: str, number: int, statements: list[Any]) -> Any:
        async with self.object(kind, number) as entered:
            self.world.note(name, "in", kind, shown(entered))
            return await self.inner(statements)

    async def do_timeout(self, name: str, kind: str, delay: Any, again: tuple[Any, ...], statements: list[Any]) -> Any:
        async with getattr(self.names, kind)(self.deadline(kind, delay)) as timeout:
            self.world.note(name, "timeout", timeout.expired(), (timeout.when() is None))
            for each in again:
                timeout.reschedule(self.deadline("timeout_at", each))
            value = await self.inner(statements)
        self.world.note(name, "expired", timeout.expired())
        return value

    def deadline(self, kind: str, delay: float | None) -> float | None:
        if delay is None:
            return None
        return self.world.delay(delay) + (self.world.clock if kind == "timeout_at" else 0)

    async def do_group(self, name: str, tasks: list[Any], statements: list[Any]) -> Any:
        kind = self.names.TaskGroup if len(tasks) < 2 else ordered(self.names.TaskGroup)
        async with kind() as group:
            for number, each in enumerate(tasks):
                self.world.keep(group.create_task(self.make(each), name=f"{number}"), "member")
            return await self.inner(statements)

    async def do_completed(self, name: str, which: list[int], delay: Any, limit: int, how: str) -> None:
        done = 0
        futures = []
        for each in map(self.world.pick, which):
            done += each.done()
            if each not in futures and not (each.done() and done > 1):  # a set of asyncio's has them in any order
                futures.append(each)
        completions = self.names.as_completed(futures, timeout=self.deadline("timeout", delay))
        if how == "async for" and sys.version_info >= (3, 13):
            async for each in completions:
                self.world.note(name, "completed", self.world.label(each), self.world.state(each))
                limit -= 1
                if not limit:
                    break
            return
        for each in completions:
            self.world.note(name, "completed", shown(self.things(await each)))
            limit -= 1
            if not limit:
                break

    async def do_hand(self, name: str, awaitable: tuple[Any, ...], actions: list[Any]) -> None:
        coroutine = self.make(awaitable)
        if not hasattr(coroutine, "throw"):
            coroutine = coroutine.__await__()
        try:
            for action, *arguments in actions:
                if action == "throw":
                    arguments = [EXCEPTIONS[arguments[0]]()]
                try:
                    yielded = getattr(coroutine, action)(*arguments)
                    self.world.note(name, action, "a future" if asyncio.isfuture(yielded) else shown(yielded))
                except BaseException as error:
                    # A future's iterator that has ended forgets to say so, where it is asyncio's.
                    forgot = "without exception set" in str(error) if type(error) is SystemError else False
                    ended = forgot or (type(error) is StopIteration and error.value is None)
                    self.world.note(name, action, "ended" if ended else told(error))
        finally:
            with contextlib.suppress(BaseException):
                coroutine.close()

    async def do_raise(self, name: str, error: str) -> None:
        raise EXCEPTIONS[error]()

    async def do_call(self, name: str, kind: str, number: int, method: str) -> Any:
        return self.call(kind, number, method)

    def call(self, kind: str, number: int, method: str) -> Any:
        thing = self.object(kind, number)
        if method == "shutdown_now":
            return sys.version_info >= (3, 13) and thing.shutdown(immediate=True)
        if method == "shutdown" and sys.version_info < (3, 13):
            return None
        attribute = getattr(thing, method)
        if method == "put_nowait":
            return attribute(number)
        return attribute() if callable(attribute) else attribute

    async def do_handling(self, name: str, statements: list[Any]) -> Any:
        """Do something while an exception is handled, which then is the context of others."""
        try:
            raise KeyError("handled")
        except KeyError:
            return await self.inner(statements)

    async def do_debug(self, name: str, on: bool) -> None:
        self.loop.set_debug(on)

    async def do_factory(self, name: str, kind: str) -> None:
        kinds = {"class": self.names.Task, "subclass": subclass(self.names.Task), "asyncio": asyncio.Task}
        if kind in kinds:
            self.loop.set_task_factory(lambda loop, coroutine, **named: kinds[kind](coroutine, loop=loop, **named))
        elif kind == "eager" and sys.version_info >= (3, 12):
            self.loop.set_task_factory(self.names.eager_task_factory)
        else:
            self.loop.set_task_factory(None)

    async def do_patch(self, name: str, method: str) -> None:
        """Put a method of the loop's in its own place, which makes a difference to who looks for that."""
        for each in ("call_soon", "call_at"):
            vars(self.loop).pop(each, None)
        if method != "none":
            original = getattr(self.loop, method)

            def patched(*arguments: Any, **named: Any) -> Any:
                self.world.note(method)
                return original(*arguments, **named)

            setattr(self.loop, method, patched)

    async def do_itself(self, name: str) -> Any:
        return await asyncio.current_task(self.loop)  # type: ignore[misc]

    async def do_look(self, name: str, which: int) -> Any:
        thing = self.world.pick(which)
        self.world.note(name, "looks", self.world.label(thing), VARIABLE.get(), self.world.state(thing))
        # A native coroutine has no frame to look at, and that of one that runs is not the task's alone.
        if (
            hasattr(thing, "get_stack")
            and not thing.done()
            and thing.get_coro().__name__ == "body"
            and not thing.get_coro().cr_running
        ):
            stack = [frame.f_code.co_name for frame in thing.get_stack() if in_tests(frame)]
            self.world.note(name, "stack", stack, repr(thing).split(" name=")[0])

    async def do_soon(self, name: str, delay: Any, reaction: tuple[Any, ...], context: bool) -> None:
        options = self.context(context)
        callback = self.called(reaction)
        if delay is None:
            self.loop.call_soon(callback, **options)
        else:
            self.loop.call_later(self.world.delay(delay), callback, **options)

    async def do_variable(self, name: str, value: int) -> None:
        VARIABLE.set(value)

    async def do_generator(self, name: str, statements: list[Any], how: str) -> None:
        async def generator() -> Any:
            for number, each in enumerate(statements):
                with contextlib.suppress(KeyError):
                    yield number
                await self.inner([each])

        made = generator()
        async for each in made:
            self.world.note(name, "generated", each)
            if how == "break":
                break
            if how == "throw":
                await made.athrow(KeyError(each))
            if how == "close":
                await made.aclose()
        await made.aclose()

    # Awaitables

    def make_body(self, statements: list[Any]) -> Any:
        return self.inner(statements, self.makers, asyncio.current_task(self.loop))

    def make_future(self, which: int) -> Any:
        future, task = self.world.pick(which), asyncio.current_task(self.loop)
        if self.waits.reaches(future, task):
            return self.names.sleep(0)
        self.waits.add(task, future)
        return future

    def make_new(self, which: int) -> Any:
        made = self.loop.create_future() if which % 2 else self.names.Future(loop=self.loop)
        return self.world.keep(made, "future")

    def make_settled(self, how: str, which: int) -> Any:
        future = self.make_new(which)
        if how == "result":
            future.set_result(which)
        elif how == "cancelled":
            future.cancel()
        else:
            future.set_exception(EXCEPTIONS[how]())
        return future

    def make_sleep(self, delay: float, result: Any) -> Any:
        return self.names.sleep(self.world.delay(delay) if delay > 0 else delay, result)

    def make_acquire(self, kind: str, number: int) -> Any:
        return self.object(kind, number).acquire()

    def make_get(self, number: int) -> Any:
        return self.object("queue", number).get()

    def make_put(self, item: int, number: int) -> Any:
        return self.object("queue", number).put(item)

    def make_join(self, number: int) -> Any:
        return self.object("queue", number).join()

    def make_event(self, number: int) -> Any:
        return self.object("event", number).wait()

    def make_condition(self, number: int) -> Any:
        return self.object("condition", number).wait()

    def make_condition_for(self, number: int) -> Any:
        asked = [0]

        def predicate() -> bool:
            asked[0] += 1
            self.world.note("predicate", asked[0])
            return asked[0] > number % 3

        return self.object("condition", number).wait_for(predicate)

    def make_barrier(self, number: int) -> Any:
        return self.object("barrier", number).wait()

    def make_gather(self, awaitables: list[Any], return_exceptions: bool) -> Any:
        children = functools.partial(map, self.make, awaitables)
        return self.combined("gather", lambda: self.names.gather(*children(), return_exceptions=return_exceptions))

    def combined(self, label: str, make: Callable[[], Any]) -> Any:
        before, makers = self.waits.mark(), self.makers
        self.makers = []
        try:
            future = make()
            self.makers.append(future)
        finally:
            self.makers = makers
        self.waits.add_since(before, future)
        self.waits.add(asyncio.current_task(self.loop), future)
        return self.world.keep(future, label)

    def make_shield(self, awaitable: tuple[Any, ...]) -> Any:
        return self.combined("shield", lambda: self.names.shield(self.make(awaitable)))

    def make_wait(self, which: list[int], when: str, delay: Any) -> Any:
        futures = [future for each in which if asyncio.isfuture(future := self.make_future(each))]
        return self.names.wait(futures, return_when=getattr(asyncio, when), timeout=self.deadline("timeout", delay))

    def make_wait_for(self, awaitable: tuple[Any, ...], delay: Any) -> Any:
        return self.names.wait_for(self.make(awaitable), self.deadline("timeout", delay))

    def make_odd(self, how: str) -> Any:
        """What is no proper awaitable, or an unusual one."""
        if how == "none":
            return None
        if how == "int":
            return 5
        if how == "no loop":
            other = self.names.new_event_loop()
            future = other.create_future()
            other.close()
            return future
        if how in ("generator", "legacy"):
            return types.coroutine(lambda: (yield))() if how == "legacy" else Odd(lambda: (yield))
        bad = self.loop.create_future()
        return Odd(
            {
                "yields None": lambda: iter([None]),
                "yields 3": lambda: iter([3]),
                "not an iterator": lambda: 3,
                "raises": lambda: bad.result(),
                "bare": lambda: iter([bad]),
                "iterator": lambda: iter([None, None]),
            }[how]
        )

    def make_wrapped(self, awaitable: tuple[Any, ...], how: str) -> Any:
        made = self.make(awaitable)

        async def waits() -> Any:
            return await made

        if how == "iterator":
            return Odd(lambda: made.__await__())
        if how == "generator":
            return Odd(lambda: (yield from made.__await__()))
        if how == "legacy":
            return types.coroutine(lambda: (yield from made.__await__()))()
        return waits()

    # Reactions

    def react_note(self) -> None:
        pass

    def react_stop(self) -> None:
        self.loop.stop()

    def react_raise(self, error: str) -> None:
        raise EXCEPTIONS[error]()

    def react_cancel(self, which: int, message: tuple[Any, ...]) -> None:
        self.world.note("cancels", self.world.pick(which).cancel(*message))

    def react_settle(self, which: int, error: str | None) -> None:
        self.settle(which, error)

    def react_add(self, which: int, reaction: tuple[Any, ...]) -> None:
        self.add(which, reaction)

    def react_remove(self, which: int) -> None:
        removed = self.world.pick(which).remove_done_callback(self.callbacks[which % len(self.callbacks)])
        self.world.note("removed", removed)

    def react_call(self, kind: str, number: int, method: str) -> None:
        self.world.note("called", shown(self.call(kind, number, method)))

    def react_spawn(self, awaitable: tuple[Any, ...]) -> None:
        self.world.keep(self.spawn("loop", awaitable), "task")
