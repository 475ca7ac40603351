"""Finalizers that call back, and the collector at the lowest thresholds, in the middle of everything.

A program makes objects of every native type, ties them into circles with bombs, lets go of them, turns the loop and
looks after what is left. A bomb does something to the loop or to the objects of its circle when it dies: from
`__del__`, from the callback of a weak reference, or in a protocol's method. When what happens is the collector's
secret, so the order of events is not compared: a program must not crash, hang, panic or raise SystemError, and at its
end nothing that asyncio lets die may be alive. Some programs are those of `cancellation.py`, with bombs in their
frames and callbacks.
"""

import asyncio
import contextlib
import contextvars
import gc
import os
import random
import socket
import sys
import weakref
from pprint import pformat
from types import ModuleType
from typing import Any

from . import acting, cancellation, targets, zoo
from .programs import World, collector

THRESHOLDS = ((3, 2, 2), (1, 1, 1), (7, 1, 3), (50, 2, 2))
VARIABLE: contextvars.ContextVar[Any] = contextvars.ContextVar("bomb")
MOST = 200  # explosions of one program, or two bombs that make each other would never end
OWN = ("WorkQueue", "Clients", "StreamReaderProtocol", "waiting get", "waiting wait_for", "closed loop", "completions")
KINDS = [*targets.SHARED, "transport", "datagrams", "pipe in", "pipe out", "other loop", "lost loop"]
TIES = (
    "attribute",
    "callback",
    "result",
    "soon",
    "later",
    "queue",
    "protocol",
    "context",
    "error",
    "task",
    "again",
)
STEPS = {"make": 6, "tie": 6, "drop": 5, "act": 4, "turn": 3, "collect": 2, "peer": 2, "bomb": 3, "watch": 3}
ACTIONS = (
    "act",
    "act",
    "act",
    "soon",
    "later",
    "task",
    "collect",
    "resurrect",
    "stop",
    "drop",
    "tie",
    "make",
    "peer",
    "threadsafe",
)
NEVER = {*targets.NEVER, "loop", "set_debug", "call_exception_handler", "default_exception_handler", "print_stack"}


class Program:
    def __init__(self, thresholds: tuple[int, ...], actions: list[Any], data: Any, tasks: Any) -> None:
        self.thresholds, self.actions, self.data, self.tasks = thresholds, actions, data, tasks

    def __str__(self) -> str:
        body = pformat(self.data, width=110)
        return f"thresholds {self.thresholds}, bombs: {self.actions}\n{self.tasks or ''}\n{body}"


def program(dice: random.Random) -> Program:
    thresholds = dice.choice(THRESHOLDS)
    actions = [(dice.choice(ACTIONS), dice.randrange(1000), dice.randrange(1000)) for _ in range(5)]
    if dice.random() < 0.3:
        tasks = cancellation.program(dice)
        tasks.settings["stock"] = []
        return Program(thresholds, actions, tasks.data, tasks)
    return Program(thresholds, actions, [step(dice) for _ in range(dice.randint(5, 25))], None)


def step(dice: random.Random) -> tuple[Any, ...]:
    name = dice.choices(list(STEPS), list(STEPS.values()))[0]
    which, other = dice.randrange(1000), dice.randrange(1000)
    if name == "make":
        return name, dice.choice(KINDS) if dice.random() < 0.85 else dice.choice(OWN)
    if name == "tie":
        return name, which, other, dice.choice(TIES)
    if name == "peer":
        return name, which, dice.choice(("write", "close", "read"))
    return name, which, other


class Bomb:
    """Does something when it dies."""

    def __init__(self, run: Any, number: int, things: list[Any]) -> None:
        self.run, self.number, self.things = run, number, things

    def __del__(self) -> None:
        self.run.explode(self.number, self.things, self)

    def __call__(self, *arguments: Any) -> None:
        self.run.explode(self.number + 1, self.things, None)


class Protocol(asyncio.Protocol):
    """Its methods are bombs."""

    def __init__(self, run: Any, number: int) -> None:
        self.run, self.number, self.bomb = run, number, Bomb(run, number, [])

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.bomb.things.append(transport)
        self.bomb()

    def data_received(self, data: bytes) -> None:
        self.bomb()

    def eof_received(self) -> bool:
        self.bomb()
        return self.number % 2 == 0

    def datagram_received(self, data: bytes, address: Any) -> None:
        self.bomb()

    def connection_lost(self, error: BaseException | None) -> None:
        self.bomb()


class Run:
    """One implementation, its objects, and what of them is alive."""

    def __init__(self, aio: ModuleType, program: Program) -> None:
        self.aio, self.program = aio, program
        self.sockets: list[Any] = []
        self.descriptors: list[int] = []
        self.things: list[Any] = []
        self.saved: list[Any] = []
        self.references: list[Any] = []
        self.alive: list[tuple[str, Any]] = []
        self.depth, self.exploded = 0, len(program.data)
        self.forbidden: list[str] = []
        self.over = False
        self.loop = cancellation.stock_loop() if aio is asyncio else aio.new_event_loop()
        self.world = World(self.loop)

    def closed_loop(self) -> Any:
        other = cancellation.stock_loop() if self.aio is asyncio else self.aio.new_event_loop()
        other.close()
        return other

    def check(self, error: BaseException | None) -> None:
        name = type(error).__name__
        if name in ("SystemError", "PanicException") or "already borrowed" in str(error):
            self.forbidden.append(f"{name}: {error}")

    def explode(self, number: int, things: list[Any], bomb: Any) -> None:
        """What a bomb does. `things` are those of its circle, perhaps cleared already."""
        if self.over or self.depth > 2 or self.exploded > MOST:
            return
        self.depth += 1
        self.exploded += 1
        action, which, other = self.program.actions[number % len(self.program.actions)]
        thing = things[which % len(things)] if things else self.pick(which)
        try:
            self.act(action, thing, which, other, bomb)
        except BaseException as error:
            self.check(error)
        finally:
            self.depth -= 1

    def act(self, action: str, thing: Any, which: int, other: int, bomb: Any) -> None:
        if action == "act":
            self.method(thing, which)
        elif action == "soon":
            self.loop.call_soon(Bomb(self, which, [thing]))
        elif action == "threadsafe":
            self.loop.call_soon_threadsafe(Bomb(self, which, [thing]))
        elif action == "later":
            self.loop.call_later(0.1, Bomb(self, which, [thing])).cancel() if which % 3 else None
        elif action == "task":
            self.loop.create_task(self.waits(thing))
        elif action == "collect":
            gc.collect()
        elif action == "resurrect":
            self.saved.append((bomb, thing))
        elif action == "stop":
            self.loop.stop()
        elif action == "drop":
            self.do_drop(which, other)
        elif action == "tie":
            self.tie(thing, self.pick(other), TIES[which % len(TIES)])
        elif action == "peer":
            self.do_peer(which, ("write", "close", "read")[other % 3])
        elif len(self.things) < 30:
            self.do_make(KINDS[which % len(KINDS)])

    async def waits(self, thing: Any) -> Any:
        bomb = Bomb(self, 3, [thing])
        await self.aio.sleep(0)
        if asyncio.isfuture(thing) and thing is not asyncio.current_task(self.loop):
            await asyncio.wait([thing], timeout=0.5)
        return bomb

    def method(self, thing: Any, number: int) -> None:
        """Call one of a thing's methods, without an argument or with something simple."""
        names = [name for name in dir(type(thing)) if name not in NEVER and name[:2] != "__"]
        if not names or isinstance(thing, asyncio.AbstractEventLoop):
            return
        called = getattr(thing, names[number % len(names)])
        if callable(called):
            result = called(*((), (), (b"xyz",), (Bomb(self, number, [thing]),), (None,), (1,))[number % 6])
            if asyncio.iscoroutine(result):
                self.loop.create_task(result)

    # Steps

    def pick(self, which: int) -> Any:
        return self.things[which % len(self.things)] if self.things else None

    def do_make(self, kind: str) -> None:
        self.target = None
        if kind == "other loop":
            made = cancellation.stock_loop() if self.aio is asyncio else self.aio.new_event_loop()
            made.call_soon(Bomb(self, len(self.things), [made]))
            self.loop.call_soon(made.close)
        elif kind == "lost loop":
            made = self.lost_loop()
        elif kind.startswith("pipe"):
            made = self.pipe(kind == "pipe in")
        elif kind in ("transport", "datagrams"):
            made = self.transport(kind, self.loop)
        elif kind in targets.SHARED:
            made = targets.SHARED[kind][0](self)
        elif self.aio is asyncio and kind in ("WorkQueue", "Clients"):
            made = None  # it has none
        else:
            made = targets.OWN[kind](self)
        self.things.append(made)
        if made is not self.loop:
            with contextlib.suppress(TypeError):
                self.alive.append((kind, weakref.ref(made)))

    def transport(self, kind: str, loop: Any) -> Any:
        """On one end of a pair, which nothing else holds: its number is another's as soon as the transport is gone."""
        mine, peer = self.pair()
        self.sockets.append(peer)
        make = loop._make_socket_transport if kind == "transport" else loop._make_datagram_transport
        made = make(mine, Protocol(self, len(self.things)))
        if kind == "transport" and self.exploded % 3:
            made.pause_reading()  # so that the loop does not hold it
        return made

    def pair(self) -> tuple[socket.socket, socket.socket]:
        ends = socket.socketpair()
        for end in ends:
            end.setblocking(False)
        return ends

    def lost_loop(self) -> Any:
        """A loop that nobody closes, with what holds it in turn."""
        loop = cancellation.stock_loop() if self.aio is asyncio else self.aio.new_event_loop()
        made = self.transport("transport", loop)
        future = loop.create_future()
        future.add_done_callback(Bomb(self, 1, [loop, made, future]))
        loop.call_soon(Bomb(self, 2, [made, future, loop.call_later(1, Bomb(self, 3, [loop, made]), future)]))
        loop.bomb = Bomb(self, 4, [future, made, loop])
        return made

    def do_watch(self, which: int, other: int) -> None:
        """Watch a new descriptor, whose number a transport may have had before."""
        mine, peer = self.pair()
        bomb = Bomb(self, which, [mine])
        add, remove = (
            (self.loop.add_reader, self.loop.remove_reader)
            if which % 2
            else (self.loop.add_writer, self.loop.remove_writer)
        )
        add(mine, bomb, peer)
        if other % 2:
            self.loop.create_task(self.loop.sock_recv(peer, 10))
        self.sockets += [mine, peer] if other % 3 else []
        if not other % 3:
            remove(mine)

    def pipe(self, reads: bool) -> Any:
        ends = os.pipe()
        mine, peer = ends if reads else ends[::-1]
        self.descriptors.append(peer)
        file = os.fdopen(mine, "rb" if reads else "wb", 0)
        make = self.loop._make_read_pipe_transport if reads else self.loop._make_write_pipe_transport
        made = make(file, Protocol(self, mine))
        if reads and self.exploded % 3:
            made.pause_reading()
        return made

    def do_bomb(self, which: int, other: int) -> None:
        """One that dies with a thing, by a weak reference's callback."""
        number = which
        reference = weakref.ref(self.pick(other), lambda dead: self.explode(number, [], None))
        self.references.append(reference)

    def do_tie(self, which: int, other: int, how: str) -> None:
        self.tie(self.pick(which), self.pick(other), how)

    def tie(self, one: Any, other: Any, how: str) -> None:
        bomb = Bomb(self, len(self.things), [one, other])
        if how == "attribute":
            one.bomb = bomb
        elif how == "callback":
            one.add_done_callback(bomb)
        elif how == "result":
            one.set_result(bomb)
        elif how == "soon":
            self.loop.call_soon(bomb, one)
        elif how == "later":
            self.loop.call_later(0.3, bomb, one)
        elif how == "queue":
            one.put_nowait(bomb)
        elif how == "protocol":
            protocol = Protocol(self, len(self.things))
            protocol.things = bomb
            one.set_protocol(protocol)
        elif how == "context":
            context = contextvars.copy_context()
            context.run(VARIABLE.set, bomb)
            self.loop.call_soon(zoo.function, one, context=context)
        elif how == "error":
            error = ValueError(bomb)
            one.set_exception(error)
        elif how == "task":
            self.things.append(self.loop.create_task(self.waits(one)))
        elif how == "again" and self.aio is not asyncio and not isinstance(one, asyncio.AbstractEventLoop):
            one.__init__(bomb)  # where CPython's own futures crash

    def do_drop(self, which: int, other: int) -> None:
        if self.things:
            del self.things[which % len(self.things)]

    def do_act(self, which: int, other: int) -> None:
        self.method(self.pick(which), other)

    def do_turn(self, which: int, other: int) -> None:
        """One turn. If a program's step is itself a callback, the loop turns after it anyway."""
        if not self.loop.is_running():
            self.world.turns(1 + which % 3, True)

    def do_collect(self, which: int, other: int) -> None:
        """Collect, and give the memory that has become free to others: a pointer that is left then shows."""
        gc.collect()
        self.filling = [b"A" * size for size in range(32, 640, 16) for _ in range(3)]

    def do_peer(self, which: int, what: str) -> None:
        if self.sockets:
            end = self.sockets[which % len(self.sockets)]
            with contextlib.suppress(OSError):
                if what == "write":
                    end.send(b"sent")
                elif what == "read":
                    end.recv(1000)
                else:
                    end.close()

    def steps(self, steps: list[Any]) -> None:
        for name, *arguments in steps:
            try:
                getattr(self, "do_" + name)(*arguments)
            except BaseException as error:
                self.check(error)

    def run_program(self) -> None:
        half = len(self.program.data) // 2
        if self.program.tasks is not None:
            self.run_tasks()
            return
        self.loop.call_soon(self.steps, self.program.data[:half])
        self.world.turns(3, True)
        self.steps(self.program.data[half:])
        self.world.turns(3, True)

    def run_tasks(self) -> None:
        tasks = self.program.tasks
        actor = Bombing(self, cancellation.mixed(self.aio, []))
        if tasks.settings["eager"]:
            self.loop.set_task_factory(actor.names.eager_task_factory)
        task = actor.names.Task(actor.body("main", self.program.data), loop=self.loop, name="main")
        self.world.keep(task, "main")
        self.alive.append(("main", weakref.ref(task)))
        del task, actor
        self.world.turns(30, True)

    def finish(self) -> list[Any]:
        """Let go of everything; what is alive nevertheless."""
        # Not the loop: it is closed, so that what waits in it is let go.
        self.things.clear()
        self.world.things.clear()
        self.world.closed = True
        self.world.turns(4, True)
        for end in self.sockets:
            end.close()
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.world.turns(3, True)
        self.over = True  # from now on bombs do nothing
        self.things.clear()
        self.saved.clear()
        self.loop.close()
        self.references.clear()
        self.loop = self.world.loop = self.target = None  # type: ignore[assignment]
        gc.collect()
        gc.collect()
        return sorted(kind for kind, reference in self.alive if reference() is not None)


class Bombing(acting.Actor):
    """Acts with bombs in frames, in callbacks and in results."""

    def __init__(self, run: Run, names: Any) -> None:
        super().__init__(run.world, names)
        self.run = run

    async def body(self, name: str, statements: list[Any], makers: Any = (), task: Any = None) -> Any:
        task = asyncio.current_task(self.loop)
        bomb = Bomb(self.run, len(name), [task] if task else [])
        await super().body(name, statements, makers, task)
        return bomb

    async def do_factory(self, name: str, kind: str) -> None:
        """Without asyncio's own tasks: one that the collector has emptied crashes when what it waits for is done."""
        await super().do_factory(name, "none" if kind == "asyncio" else kind)

    def called(self, reaction: tuple[Any, ...]) -> Any:
        callback = super().called(reaction)
        callback.bomb = Bomb(self.run, len(self.callbacks), [])  # type: ignore[attr-defined]
        return callback

    def make_new(self, which: int) -> Any:
        future = super().make_new(which)
        future.add_done_callback(Bomb(self.run, which, [future]))
        return future


def run(aio: ModuleType, program: Program) -> list[Any]:
    """What must never be seen, and what is alive at the end though asyncio lets it die.

    asyncio is asked only where something is alive: CPython has crashes of its own in there.
    """
    if aio is asyncio:
        return []
    alive, forbidden = outcome(aio, program)
    if alive:
        for kind in outcome(asyncio, program)[0]:
            with contextlib.suppress(ValueError):
                alive.remove(kind)
    return [*(f"forbidden: {each}" for each in forbidden), *(f"alive: {kind}" for kind in alive)]


def outcome(aio: ModuleType, program: Program) -> tuple[list[str], list[str]]:
    one = Run(aio, program)
    with collector(*program.thresholds):
        sys.unraisablehook = lambda unraisable: one.check(unraisable.exc_value)
        try:
            one.run_program()
            alive = one.finish()
        except (SystemExit, KeyboardInterrupt) as error:
            one.check(error)
            alive = one.finish()
    return alive, one.forbidden
