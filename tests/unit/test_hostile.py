"""What only a careless or hostile program does: nothing of it may crash, hang, spin or leak.

Each test is the smallest form of something that once broke ferrio, mostly found by the programs of fuzz/.
"""

import asyncio
import errno
import gc
import os
import socket
import subprocess
import sys
import threading
import time
import weakref

import ferrio
import pytest
from helpers import noop, runs_clean


def turn(loop, times=1):
    for _ in range(times):
        loop.call_soon(loop.stop)
        loop.run_forever()


# Handles


def test_weak_references_to_handles_die_with_them(new_loop):
    loop, dead = new_loop(), []
    for make in (lambda: loop.call_soon(noop), lambda: loop.call_later(0, noop)):
        handle = make()
        old = weakref.ref(handle, dead.append)
        del handle
        turn(loop, 3)
        assert dead == [old]
        dead.clear()
        handles = [make() for _ in range(5)]  # the memory is used again
        assert old() is None
        assert [weakref.getweakrefcount(handle) for handle in handles] == [0] * 5


@pytest.mark.parametrize("make", ["call_soon", "call_later"])
def test_a_long_chain_of_handles_is_freed_without_deep_recursion(new_loop, make):
    loop, handle = new_loop(), None
    schedule = getattr(loop, make)
    for _ in range(100_000):
        handle = schedule(noop, handle) if make == "call_soon" else schedule(1000, noop, handle)
    last = weakref.ref(handle)
    loop.close()
    del handle
    assert last() is None


def test_a_handle_cancelled_by_the_collector_while_it_is_looked_at(new_loop):
    loop, cancelled = new_loop(), []

    class Canceller:
        def __init__(self):
            self.cycle = self

        def __del__(self):
            handle.cancel()
            cancelled.append(handle)

    threshold = gc.get_threshold()
    gc.collect()
    try:
        for _ in range(50):
            handle = loop.call_soon(noop, 1, 2)
            Canceller()
            gc.set_threshold(1, 1, 1)
            assert handle._args in ((1, 2), None)
            gc.set_threshold(*threshold)
    finally:
        gc.set_threshold(*threshold)
    gc.collect()
    assert cancelled


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("run", [False, True])
def test_an_open_loop_whose_handles_are_held_in_a_cycle_is_collected(aio, run):
    loop = aio.new_event_loop()

    def hold(loop):
        loop.handle = loop.call_soon(noop, loop)

    if run:
        loop.call_soon(hold, loop)
        turn(loop)
    else:
        hold(loop)
    gone = weakref.ref(loop)
    del loop
    gc.collect()
    assert gone() is None


# Arguments


def test_callbacks_can_be_given_by_name(new_loop):
    loop, seen = new_loop(), []
    loop.call_soon(callback=lambda: seen.append("soon"))
    loop.call_soon_threadsafe(callback=lambda: seen.append("threadsafe"), context=None)
    loop.call_later(delay=-2, callback=lambda: seen.append("later"))
    loop.call_at(when=0, callback=lambda: seen.append("at"))
    loop.call_later(-1, callback=lambda: seen.append("mixed"))
    turn(loop, 2)
    assert sorted(seen) == ["at", "later", "mixed", "soon", "threadsafe"]


@pytest.mark.parametrize(
    "call",
    [
        lambda loop: loop.call_soon(noop, callback=noop),
        lambda loop: loop.call_soon(context=None),
        lambda loop: loop.call_later(1, noop, delay=1),
        lambda loop: loop.call_later(delay=1),
        lambda loop: loop.call_at(callback=noop),
        lambda loop: loop.call_at(1, noop, when=1),
        lambda loop: loop.call_at(1, noop, other=1),
    ],
)
def test_arguments_by_wrong_names_are_refused(new_loop, call):
    with pytest.raises(TypeError):
        call(new_loop())


def test_numbers_that_are_no_time_or_descriptor(new_loop):
    loop = new_loop()
    with pytest.raises(OverflowError):
        loop.call_later(10**400, noop)
    for number in (2**31 - 1, 1 << 20):
        for add in (loop.add_reader, loop.add_writer):
            with pytest.raises(OSError, match="Bad file descriptor"):
                add(number, noop)
    with pytest.raises(OverflowError):
        loop.add_reader(2**31, noop)
    for remove in (loop.remove_reader, loop.remove_writer):
        assert not remove(2**31 - 1) and not remove(2**31) and not remove(2**70)


def test_writelines_of_what_is_no_list(new_loop):
    loop = new_loop()
    near, far = socket.socketpair()
    transport, _ = loop.run_until_complete(loop.create_connection(asyncio.Protocol, sock=near))
    with pytest.raises(TypeError):
        transport.writelines(5)
    transport.close()
    turn(loop)
    far.close()


# Callbacks that come back to their transport


def test_pause_writing_from_within_data_received(new_loop):
    loop, seen = new_loop(), []

    class Echo(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport

        def data_received(self, data):
            self.transport.write(b"x" * 1_000_000)
            seen.append("written")

        def pause_writing(self):
            seen.append("paused")

    near, far = socket.socketpair()
    far.send(b"go")
    transport, _ = loop.run_until_complete(loop.create_connection(Echo, sock=near))
    turn(loop, 3)
    assert seen == ["paused", "written"]
    transport.abort()
    turn(loop)
    far.close()


@pytest.mark.parametrize("how", ["close", "abort"])
def test_closing_from_resume_writing_leaves_no_watcher(how):
    """On ferrio only: asyncio's transport fails when it is closed there, since it loses its connection twice."""
    loop, lost = ferrio.new_event_loop(), []

    class Closing(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport

        def resume_writing(self):
            getattr(self.transport, how)()

        def connection_lost(self, error):
            lost.append(error)

    near, far = socket.socketpair()
    far.setblocking(False)
    transport, protocol = loop.run_until_complete(loop.create_connection(Closing, sock=near))
    number, gone = near.fileno(), weakref.ref(transport)
    transport.write(bytes(500_000))
    while not lost:
        turn(loop)
        try:
            far.recv(1 << 20)
        except BlockingIOError:
            assert not transport.is_closing()
    del transport, protocol, near
    gc.collect()
    assert (lost, gone()) == ([None], None)
    # Who gets the number next is not watched for writing, which would make the loop spin.
    again = socket.socketpair()
    assert number in [end.fileno() for end in again]
    for end in again:
        loop.add_reader(end, noop)
    loop.call_later(0.2, loop.stop)
    busy = time.process_time()
    loop.run_forever()
    assert time.process_time() - busy < 0.1
    loop.close()
    for end in (far, *again):
        end.close()


@pytest.mark.parametrize("how", [None, "close", "abort"])
def test_error_received_from_within_datagram_received(new_loop, how):
    loop, seen = new_loop(), []

    class Refused(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            self.transport = transport

        def datagram_received(self, data, address):
            far.close()
            while "error" not in seen:
                self.transport.sendto(b"is anybody there")

        def error_received(self, error):
            assert error.errno == errno.ECONNREFUSED
            seen.append("error")
            if how:
                getattr(self.transport, how)()

        def connection_lost(self, error):
            seen.append("lost")

    near, far = (socket.socket(type=socket.SOCK_DGRAM) for _ in range(2))
    for end in (near, far):
        end.bind(("127.0.0.1", 0))
    near.connect(far.getsockname())
    far.sendto(b"go", near.getsockname())
    transport, _ = loop.run_until_complete(loop.create_datagram_endpoint(Refused, sock=near))
    turn(loop, 5)
    transport.close()
    turn(loop, 2)
    assert seen == ["error", "lost"]


def test_socket_operations_on_a_blocking_socket_do_not_stop_other_threads(new_loop):
    """asyncio refuses such a socket in debug mode only; it waits without the interpreter's lock, ferrio in the loop."""
    loop = new_loop()
    near, far = socket.socketpair()
    sender = threading.Timer(0.05, far.send, (b"late",))
    sender.start()
    assert loop.run_until_complete(loop.sock_recv(near, 10)) == b"late"
    buffer = bytearray(10)
    sender = threading.Timer(0.05, far.send, (b"later",))
    sender.start()
    assert loop.run_until_complete(loop.sock_recv_into(near, buffer)) == 5
    received = []
    reader = threading.Thread(target=lambda: received.append(far.recv(1_000_000, socket.MSG_WAITALL)))
    reader.start()
    loop.run_until_complete(loop.sock_sendall(near, bytes(1_000_000)))
    reader.join()
    assert received == [bytes(1_000_000)]
    near.close()
    far.close()


# Limits and forks

EXHAUSTED = """
import asyncio, os, resource, socket, {module} as module

async def main():
    loop, seen = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda loop, context: seen.append(context["message"]))
    server = await loop.create_server(lambda: seen.append("made") or asyncio.Protocol(), "127.0.0.1", 0)
    client = socket.socket()
    client.setblocking(False)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (30, limits[1]))
    fill = []
    try:
        while True:
            fill.append(os.dup(0))
    except OSError:
        pass
    client.connect_ex(server.sockets[0].getsockname())
    await asyncio.sleep(0.1)
    assert set(seen) == {{"socket.accept() out of system resource"}}, seen
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    while "made" not in seen:
        await asyncio.sleep(0.05)
    server.close()

module.run(main())
"""


def test_a_server_survives_running_out_of_descriptors_at_its_first_connection(aio):
    """In a process of its own, since what is imported by then could not be imported there."""
    program = EXHAUSTED.format(module=aio.__name__)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_loop_closed_by_a_forked_child_goes_on_in_the_parent(new_loop):
    loop, seen = new_loop(), []
    near, far = socket.socketpair()
    loop.add_reader(near, lambda: seen.append(near.recv(10)))
    child = os.fork()
    if not child:
        try:
            loop.close()
            os._exit(7)
        finally:
            os._exit(8)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    far.send(b"hello")
    turn(loop, 2)
    assert seen == [b"hello"]
    loop.remove_reader(near)
    near.close()
    far.close()


# Tasks

# Freed memory is overwritten in these runs, so that whoever still walks over it is sure to fall.
REGISTERED = """
import asyncio, importlib, sys

module = importlib.import_module(sys.argv[1])

class Derived(module.Task):
    pass

async def nothing():
    pass

loop = module.new_event_loop()
for kind in (module.Task, Derived):
    tasks = [kind(nothing(), loop=loop) for _ in range(300)]
    for task in tasks:
        asyncio._register_task(task)
    assert asyncio.all_tasks(loop) == set(tasks)
    loop.run_until_complete(asyncio.wait(tasks))
    del tasks, task
    assert asyncio.all_tasks(loop) == set()
loop.close()
for kind in (module.Task, Derived):
    loop, coroutine = module.new_event_loop(), nothing()
    loop.set_exception_handler(lambda loop, context: asyncio._register_task(context["task"]))
    task = kind(coroutine, loop=loop)
    loop.close()
    del task  # destroyed while pending: its last words register it
    coroutine.close()
    assert asyncio.all_tasks(loop) == set()
"""


def test_tasks_that_were_registered_once_more_are_forgotten_with_their_end(aio):
    runs_clean(REGISTERED, aio.__name__, flags=("-X", "faulthandler", "-c"), PYTHONMALLOC="debug")


class Asks:
    """Looks for tasks at its end."""

    def __init__(self, loop, seen):
        self.loop, self.seen = loop, seen

    def __del__(self):
        self.seen.append(asyncio.all_tasks(self.loop))


@pytest.mark.parametrize("derived", [False, True])
def test_looking_for_tasks_while_a_task_dies(aio, new_loop, derived):
    """What a task has, and weak references' callbacks, run while it is being freed."""
    loop, seen = new_loop(), []

    class Derived(aio.Task):
        pass

    async def result():
        return Asks(loop, seen)

    for _ in range(100):
        task = (Derived if derived else aio.Task)(result(), loop=loop)
        if derived:
            task.last_words = Asks(loop, seen)
        watch = weakref.ref(task, lambda _: seen.append(asyncio.all_tasks(loop)))
        loop.run_until_complete(task)
        assert not seen
        del task
        assert watch() is None
        assert seen == [set()] * (3 if derived else 2)
        seen.clear()


# Calls within calls


def test_a_future_that_is_completed_by_its_exceptions_constructor(new_loop):
    loop = new_loop()

    class Completes(Exception):
        def __init__(self):
            future.set_exception(LookupError())

    future = loop.create_future()
    with pytest.raises(asyncio.InvalidStateError):
        future.set_exception(Completes)
    assert isinstance(future.exception(), LookupError)


def test_a_clock_that_is_set_while_it_is_asked_for():
    class Own(ferrio.Loop):
        @property
        def _monotonic(self):
            self.time = time.monotonic
            return time.perf_counter

    loop = Own()
    assert loop.time is time.perf_counter
    assert loop.time is time.monotonic
    loop.close()


# Everything else


def test_methods_without_parameters_refuse_arguments(new_loop):
    loop = new_loop()
    handle, timer = loop.call_soon(noop), loop.call_later(0, noop)
    methods = (loop.stop, loop.is_running, loop.is_closed, loop.get_debug, handle.cancel, handle.cancelled, timer.when)
    for method in methods:
        with pytest.raises(TypeError):
            method(1)
        with pytest.raises(TypeError):
            method(x=1)
    assert not handle.cancelled() and not loop.is_closed()


def test_what_a_thread_drops_is_freed_while_another_is_deep_in_the_end_of_a_chain(new_loop):
    loop, inside, go_on = new_loop(), threading.Event(), threading.Event()

    class Last:
        def __del__(self):
            inside.set()
            go_on.wait(20)

    def drop_chain():
        result = Last()
        for _ in range(200):
            future = loop.create_future()
            future.set_result(result)
            result = future
        del future, result

    thread = threading.Thread(target=drop_chain)
    thread.start()
    assert inside.wait(20)
    try:
        future = loop.create_future()
        gone = weakref.ref(future)
        del future
        assert gone() is None
    finally:
        go_on.set()
        thread.join()
