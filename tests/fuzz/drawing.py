"""Draws programs of tasks: statements, awaitables and reactions of callbacks, as nested plain data.

A statement is a tuple (what becomes of errors, name, arguments); an awaitable and a reaction are a name and arguments.
The names are those of methods of `acting.Actor`. Numbers that stand for a future, a lock or the like are taken modulo
how many there are when the statement runs.
"""

import keyword
import random
from collections.abc import Callable
from typing import Any

from .programs import EXCEPTIONS

POLICIES = {"log": 10, "swallow": 2, "raise": 2, "other": 1, "uncancel": 1, "return": 0.3}
STATEMENTS = {
    "await": 10, "spawn": 8, "cancel": 6, "uncancel": 1, "cancel_self": 1.5, "callback": 4, "settle": 3, "scope": 5,
    "timeout": 3, "group": 3, "completed": 1.5, "hand": 2, "raise": 1.5, "call": 5, "look": 1.5, "soon": 2,
    "variable": 1, "generator": 1, "return": 0.5, "itself": 0.2, "debug": 0.2, "handling": 2, "factory": 0.3,
    "patch": 0.2,
}  # fmt: skip
AWAITABLES = {
    "body": 6, "future": 6, "new": 2, "sleep": 6, "acquire": 4, "get": 3, "put": 3, "event": 2, "condition": 1.5,
    "condition_for": 1, "join": 1, "barrier": 2, "gather": 3, "shield": 2, "wait": 2, "wait_for": 3, "odd": 1,
    "settled": 1.5, "wrapped": 1.5,
}  # fmt: skip
COROUTINES = ("body", "sleep", "acquire", "get", "put", "event", "condition", "join", "barrier", "wait", "wait_for")
REACTIONS = {
    "note": 4, "raise": 2, "cancel": 4, "settle": 2, "add": 2, "remove": 1, "call": 2, "spawn": 1.5, "stop": 0.2,
}  # fmt: skip
CALLS = {
    "lock": ("release", "locked"),
    "semaphore": ("release", "locked"),
    "event": ("set", "set", "clear", "is_set"),
    "condition": ("notify", "notify_all", "release", "locked"),
    "queue": ("get_nowait", "put_nowait", "task_done", "qsize", "empty", "full", "shutdown", "shutdown_now"),
    "barrier": ("n_waiting", "broken", "parties"),
}
ODD = (
    "generator", "yields None", "yields 3", "not an iterator", "raises", "bare", "none", "no loop", "iterator",
    "legacy", "int",
)  # fmt: skip


class Drawing:
    """Draws with one pair of dice."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.weights = STATEMENTS

    def one_of(self, table: dict[str, float]) -> str:
        return self.dice.choices(list(table), list(table.values()))[0]

    def which(self) -> int:
        # Often the newest ones, which are numbered from the end.
        return self.dice.choice((-1, -1, -2, -3, self.dice.randrange(16), self.dice.randrange(16)))

    def exception(self) -> str:
        usual = self.dice.random() < 0.6
        return self.dice.choice(("ValueError", "Cancelled", "KeyError") if usual else list(EXCEPTIONS))

    def message(self) -> tuple[Any, ...]:
        return () if self.dice.random() < 0.7 else (self.dice.choice(("why", None, 7)),)

    def delay(self) -> Any:
        return self.dice.choice((None, 0, -1, 0.1, 0.3, 0.6, 1.1, 2.3))

    def number(self) -> int:
        return self.dice.randrange(6)

    def statements(self, most: int, depth: int) -> list[Any]:
        return [self.statement(depth) for _ in range(self.dice.randint(1, most))]

    def statement(self, depth: int) -> tuple[Any, ...]:
        name = self.one_of(self.weights)
        if depth <= 0 and name in ("scope", "timeout", "group", "generator", "handling"):
            name = "await"
        method = f"{name}_" if keyword.iskeyword(name) else name
        return (self.one_of(POLICIES), name, *getattr(self, method)(depth - 1))

    def await_(self, depth: int) -> tuple[Any, ...]:
        return (self.awaitable(depth),)

    def spawn(self, depth: int) -> tuple[Any, ...]:
        how = self.dice.choice(("create_task", "create_task", "loop", "ensure_future", "class", "eager", "context"))
        kind = self.dice.choice(COROUTINES) if self.dice.random() < 0.9 else None
        return how, self.awaitable(depth, kind), self.dice.random() < 0.9

    def cancel(self, depth: int) -> tuple[Any, ...]:
        return self.which(), self.message()

    def uncancel(self, depth: int) -> tuple[Any, ...]:
        return (self.which(),)

    def cancel_self(self, depth: int) -> tuple[Any, ...]:
        return (self.message(),)

    def callback(self, depth: int) -> tuple[Any, ...]:
        return self.which(), self.reaction(2), self.dice.random() < 0.2

    def settle(self, depth: int) -> tuple[Any, ...]:
        return self.which(), self.dice.choice((None, None, self.exception()))

    def scope(self, depth: int) -> tuple[Any, ...]:
        kind = self.dice.choice(("lock", "lock", "semaphore", "condition", "barrier"))
        return kind, self.number(), self.statements(3, depth)

    def timeout(self, depth: int) -> tuple[Any, ...]:
        again = (self.delay(),) if self.dice.random() < 0.3 else ()
        return self.dice.choice(("timeout", "timeout_at")), self.delay(), again, self.statements(3, depth)

    def group(self, depth: int) -> tuple[Any, ...]:
        tasks = [self.awaitable(depth, self.dice.choice(COROUTINES)) for _ in range(self.dice.randint(0, 3))]
        return tasks, self.statements(2, depth)

    def completed(self, depth: int) -> tuple[Any, ...]:
        futures = [self.which() for _ in range(self.dice.randint(0, 3))]
        return futures, self.delay(), self.dice.randint(1, 4), self.dice.choice(("for", "async for"))

    def hand(self, depth: int) -> tuple[Any, ...]:
        actions = [
            self.dice.choice((("send", None), ("send", None), ("send", 5), ("throw", self.exception()), ("close",)))
            for _ in range(self.dice.randint(1, 4))
        ]
        # A StopIteration that is thrown where a coroutine of asyncio's waits is taken for what it waits for.
        actions[1:] = [("close",) if action == ("throw", "StopIteration") else action for action in actions[1:]]
        kind = self.dice.choice(COROUTINES) if self.dice.random() < 0.8 else None
        return self.by_hand(lambda: self.awaitable(depth, kind)), actions

    def by_hand(self, draw: Callable[[], Any]) -> Any:
        """Without groups: if one is closed by hand while it waits for its tasks, patch releases of asyncio differ."""
        before, self.weights = self.weights, {**self.weights, "group": 0}
        drawn = draw()
        self.weights = before
        return drawn

    def raise_(self, depth: int) -> tuple[Any, ...]:
        return (self.exception(),)

    def call(self, depth: int = 0) -> tuple[Any, ...]:
        kind = self.dice.choice(list(CALLS))
        return kind, self.number(), self.dice.choice(CALLS[kind])

    def itself(self, depth: int) -> tuple[Any, ...]:
        return ()

    def handling(self, depth: int) -> tuple[Any, ...]:
        return (self.statements(3, depth),)

    def debug(self, depth: int) -> tuple[Any, ...]:
        return (self.dice.random() < 0.6,)

    def factory(self, depth: int) -> tuple[Any, ...]:
        return (self.dice.choice(("none", "class", "subclass", "asyncio", "eager")),)

    def patch(self, depth: int) -> tuple[Any, ...]:
        return (self.dice.choice(("call_soon", "call_at", "none")),)

    def look(self, depth: int) -> tuple[Any, ...]:
        return (self.which(),)

    def soon(self, depth: int) -> tuple[Any, ...]:
        return self.delay(), self.reaction(2), self.dice.random() < 0.2

    def variable(self, depth: int) -> tuple[Any, ...]:
        return (self.dice.randrange(100),)

    def generator(self, depth: int) -> tuple[Any, ...]:
        return self.statements(3, depth), self.dice.choice(("all", "break", "close", "throw"))

    def return_(self, depth: int) -> tuple[Any, ...]:
        return (self.dice.randrange(100),)

    def reaction(self, depth: int) -> tuple[Any, ...]:
        name = self.one_of(REACTIONS)
        if name == "raise":
            return name, self.exception()
        if name == "cancel":
            return name, self.which(), self.message()
        if name == "settle":
            return (name, *self.settle(0))
        if name == "add" and depth > 0:
            return name, self.which(), self.reaction(depth - 1)
        if name == "remove":
            return name, self.which()
        if name == "call":
            return name, *self.call()
        if name == "spawn":
            return name, self.awaitable(0)
        return (name if name == "stop" else "note",)

    def awaitable(self, depth: int, name: str | None = None) -> tuple[Any, ...]:
        name = name or self.one_of(AWAITABLES)
        if depth <= 0 and name in ("body", "gather", "shield", "wait_for", "wrapped"):
            name = self.dice.choice(("future", "sleep", "sleep"))
        dice, arguments = self.dice, ()
        if name == "body":
            return name, self.statements(4, depth)
        if name == "sleep":
            return name, dice.choice((0, 0, 0, 0.3, 0.6, -1)), dice.choice((None, "slept"))
        if name == "gather":
            some = [self.awaitable(depth - 1) for _ in range(dice.randint(0, 3))]
            return name, some, dice.random() < 0.4
        if name == "shield":
            return name, self.awaitable(depth - 1)
        if name == "wrapped":
            return name, self.awaitable(depth - 1), dice.choice(("iterator", "generator", "legacy", "coroutine"))
        if name == "wait":
            when = dice.choice(("ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION"))
            return name, [self.which() for _ in range(dice.randint(1, 3))], when, self.delay()
        if name == "wait_for":
            return name, self.awaitable(depth - 1), self.delay()
        if name == "odd":
            return name, dice.choice(ODD)
        if name == "settled":
            return name, dice.choice(("result", "cancelled", self.exception())), self.which()
        if name == "acquire":
            arguments = (dice.choice(("lock", "lock", "semaphore", "condition")),)
        if name == "put":
            arguments = (dice.randrange(100),)
        return name, *arguments, dice.randrange(16)
