"""Adds test classes for another Task and Future to CPython's parametrised test modules.

`Task` and `Future` are attributes of the generic test classes in test_tasks, test_futures, test_futures2 and
test_eager_task_factory. Beside the C and the Python ones, classes named `Alt...` supply those under test, mixed ones
too: an Alt task which awaits a C future, a C task which awaits an Alt future, and subclasses of both. test_events gets
the functions that tell the running loop.
"""

import asyncio
import functools


def add(module, name, *bases, **attributes):
    """Add a test class to the module; a base may be the name of one that is there."""
    bases = [getattr(module, base) if isinstance(base, str) else base for base in bases]
    attributes["__module__"] = module.__name__
    attributes["_alternative"] = True
    cls = type(name, tuple(bases), attributes)
    setattr(module, name, cls)
    return cls


def introspection(kind):
    """What the generic tests of tasks ask for the tasks there are, from Python 3.14 on: 'c' or 'py'."""
    names = {name: f"_{kind}_{name}" for name in ("all_tasks", "current_task")}
    return {
        name: staticmethod(getattr(asyncio.tasks, theirs))
        for name, theirs in names.items()
        if hasattr(asyncio.tasks, theirs)
    }


class Alternatives:
    def __init__(self, task, future, api):
        self.task = task
        self.future = future
        self.api = api  # the module the low-level functions are in

    def extend(self, module):
        method = getattr(self, "extend_" + module.__name__.rpartition(".")[2], None)
        if method is not None:
            method(module)

    def extend_test_tasks(self, module):
        case = module.test_utils.TestCase
        task, future = self.task, self.future
        if task is not None and future is not None:
            both = {"Task": task, "Future": future, **introspection("c")}
            add(module, "AltTask_AltFuture_Tests", "BaseTaskTests", "SetMethodsTest", case, **both)
            subclass_tests = add(module, "AltTask_AltFuture_SubclassTests", "BaseTaskTests", case, **both)
            module.add_subclass_tests(subclass_tests)
        for name, one_task, one_future in self.mixed_pairs():
            if one_task is not None and one_future is not None:
                kind = "py" if one_task is asyncio.tasks._PyTask else "c"
                attributes = {"Task": one_task, "Future": one_future, **introspection(kind)}
                add(module, name + "_Tests", "BaseTaskTests", case, **attributes)
        if task is not None:
            self.extend_current_task(module, case)

    def mixed_pairs(self):
        futures, tasks = asyncio.futures, asyncio.tasks
        return (
            ("AltTask_CFuture", self.task, getattr(futures, "_CFuture", None)),
            ("AltTask_PyFuture", self.task, futures._PyFuture),
            ("CTask_AltFuture", getattr(tasks, "_CTask", None), self.future),
            ("PyTask_AltFuture", tasks._PyTask, self.future),
        )

    def extend_current_task(self, module, case):
        task = self.task
        add(
            module,
            "AltCurrentLoopTests",
            "BaseCurrentLoopTests",
            case,
            current_task=staticmethod(getattr(self.api, "current_task", asyncio.current_task)),
            new_task=lambda self, coro: task(coro, loop=self.loop),
        )
        functions = self.functions("_register_task", "_unregister_task", "_enter_task", "_leave_task")
        if functions:
            attributes = {"Task": task, **functions, **introspection("c")}
            add(module, "AltIntrospectionTests", case, "BaseTaskIntrospectionTests", **attributes)

    def extend_test_futures(self, module):
        future = self.future
        if future is None:
            return
        case = module.test_utils.TestCase
        sub_future = type("AltSubFuture", (future,), {})
        for name, cls in ("AltFuture", future), ("AltSubFuture", sub_future):
            add(module, name + "Tests", "BaseFutureTests", case, cls=cls)
            new_future = functools.partialmethod(lambda self, cls: cls(loop=self.loop), cls)
            add(module, name + "DoneCallbackTests", "BaseFutureDoneCallbackTests", case, _new_future=new_future)
        add(
            module,
            "AltFutureInheritanceTests",
            "BaseFutureInheritanceTests",
            case,
            _get_future_cls=lambda self: future,
        )

    def extend_test_futures2(self, module):
        if self.task is not None:
            add(module, "AltFutureTests", "FutureTests", module.unittest.IsolatedAsyncioTestCase, cls=self.task)

    def extend_test_eager_task_factory(self, module):
        if self.task is None:
            return
        case = module.test_utils.TestCase
        for name, base in (
            ("AltEagerTaskFactoryLoopTests", "EagerTaskFactoryLoopTests"),
            ("NonEagerAltTaskTests", "BaseNonEagerTaskFactoryTests"),
            ("EagerAltTaskTests", "BaseEagerTaskFactoryTests"),
        ):
            add(module, name, base, case, Task=self.task)

    def extend_test_events(self, module):
        functions = self.functions("_get_running_loop", "_set_running_loop", "get_running_loop", "get_event_loop")
        if functions:
            attributes = {name + "_impl": function for name, function in functions.items()}
            add(module, "AltGetEventLoop", "GetEventLoopTestsMixin", module.unittest.TestCase, **attributes)

    def functions(self, *names):
        """The named functions of the api module, for the body of a class, or {} when one lacks."""
        found = {name: getattr(self.api, name, None) for name in names}
        return {} if None in found.values() else {name: staticmethod(function) for name, function in found.items()}
