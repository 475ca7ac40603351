"""Loops and the world around them: threads, interrupts, the end of the interpreter, the garbage collector.

What has to be seen from outside (exit codes, SIGINT, shutdown) runs as a program in a fresh interpreter; the
name of the module under test is its first argument, imported as `mod`.

Over 500 lines because the programs stand in the tests that run them.
"""

import asyncio
import contextlib
import gc
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import warnings
import weakref

import pytest
from helpers import noop


@contextlib.contextmanager
def joined(*targets):
    """Run each target in a thread; at the end wait for all and raise what the first failing one raised."""
    errors = []

    def guarded(target):
        try:
            target()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(target,)) for target in targets]
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]


# Threads


def test_many_loops_in_many_threads(aio):
    results, together = [], threading.Barrier(8)

    async def main(n):
        loop = asyncio.get_running_loop()
        near, far = socket.socketpair()
        near.setblocking(False)
        far.setblocking(False)
        with near, far:
            for i in range(50):
                await loop.sock_sendall(near, b"%d" % i)
                assert await loop.sock_recv(far, 10) == b"%d" % i
                await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        assert await loop.run_in_executor(None, pow, n, 2) == n * n
        await loop.shutdown_default_executor()
        return n

    def thread(n):
        with contextlib.closing(aio.new_event_loop()) as loop:
            together.wait()
            results.append(loop.run_until_complete(main(n)))
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()

    with joined(*(lambda n=n: thread(n) for n in range(8))):
        pass
    assert sorted(results) == list(range(8))


def test_threadsafe_calls_of_many_threads_all_run_in_each_threads_order(new_loop):
    loop, seen = new_loop(), []

    def thread(n):
        for i in range(1000):
            loop.call_soon_threadsafe(seen.append, (n, i))

    def end_with(threads):
        if any(thread.is_alive() for thread in threads):
            loop.call_later(0.001, end_with, threads)
        else:
            loop.call_soon(loop.stop)

    with joined(*(lambda n=n: thread(n) for n in range(6))) as threads:
        loop.call_soon(end_with, threads)
        loop.run_forever()
    assert len(seen) == 6000
    for n in range(6):
        assert [i for m, i in seen if m == n] == list(range(1000))


def test_no_wake_up_is_lost_between_two_waiting_loops(new_loop):
    first, second, count = new_loop(), new_loop(), 300

    def ping(left):
        second.call_soon_threadsafe(pong, left)

    def pong(left):
        first.call_soon_threadsafe(ping if left else first.stop, *([left - 1] if left else []))
        if not left:
            second.stop()

    with joined(second.run_forever):
        first.call_soon(ping, count)
        first.run_forever()


def test_threadsafe_while_the_loop_closes(new_loop):
    """Each call runs, or is dropped with the loop, or says that the loop is closed: nothing else."""
    for _ in range(10):
        loop, ran, accepted = new_loop(), [], []
        begun = threading.Barrier(4)

        def thread(loop=loop, ran=ran, accepted=accepted, begun=begun):
            begun.wait()
            with pytest.raises(RuntimeError, match=r"^Event loop is closed$"):
                while True:
                    loop.call_soon_threadsafe(ran.append, 1)
                    accepted.append(1)

        with joined(thread, thread, thread):
            begun.wait()
            loop.call_later(0.002, loop.stop)
            loop.run_forever()
            loop.close()
        assert len(ran) <= len(accepted) + 3


def test_threads_that_queue_all_the_time_leave_the_loop_its_turns(new_loop):
    """There was a time when each turn was longer than the last one: this took half a minute, and 3 GB."""
    loop, over, began = new_loop(), [], time.monotonic()

    def thread():
        while not over and time.monotonic() - began < 20:
            loop.call_soon_threadsafe(noop)

    with joined(*[thread] * 8):
        loop.run_until_complete(asyncio.sleep(0.3))
        over.append(True)
    assert time.monotonic() - began < 15


def test_run_coroutine_threadsafe(new_loop):
    loop = new_loop()

    async def coroutine(n):
        await asyncio.sleep(0)
        if n == 3:
            raise LookupError(n)
        return n

    with joined(loop.run_forever):
        try:
            futures = [asyncio.run_coroutine_threadsafe(coroutine(n), loop) for n in range(4)]
            assert [future.result(10) for future in futures[:3]] == [0, 1, 2]
            with pytest.raises(LookupError):
                futures[3].result(10)
        finally:
            loop.call_soon_threadsafe(loop.stop)


def test_a_loop_can_move_to_another_thread(new_loop):
    loop, seen = new_loop(), []

    async def main():
        await asyncio.sleep(0)
        seen.append(threading.get_ident())

    loop.run_until_complete(main())
    with joined(lambda: loop.run_until_complete(main())) as (thread,):
        ident = thread.ident
    loop.run_until_complete(main())
    here = threading.get_ident()
    assert seen == [here, ident, here]


# Programs


def program(source):
    return "import asyncio, importlib, os, signal, socket, sys, threading, time\n" + (
        "mod = importlib.import_module(sys.argv[1])\n" + textwrap.dedent(source)
    )


def finish(aio, source, expected_code=0):
    """The standard output of the program, which must end by itself, in good order."""
    done = subprocess.run(
        [sys.executable, "-c", program(source), aio.__name__],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == expected_code, done.stderr
    assert "Fatal Python error" not in done.stderr and "panicked" not in done.stderr
    return done.stdout


LEFT_OPEN = {
    "idle": "",
    "ran": "loop.run_until_complete(asyncio.sleep(0))",
    "scheduled": "loop.call_soon(print, 1); loop.call_later(3600, print, loop)",
    "reader": "near, far = socket.socketpair(); loop.add_reader(near, print, loop)",
    "signal": "loop.add_signal_handler(signal.SIGUSR1, print)",
    "executor": "loop.run_until_complete(loop.run_in_executor(None, print))",
    "task": "task = loop.create_task(asyncio.sleep(3600)); loop.run_until_complete(asyncio.sleep(0))",
    "server": "server = loop.run_until_complete(loop.create_server(asyncio.Protocol, '127.0.0.1', 0))",
    "transport": (
        "near, far = socket.socketpair()\n"
        "pair = loop.run_until_complete(loop.create_connection(asyncio.Protocol, sock=near))"
    ),
    "child": "child = loop.run_until_complete(loop.subprocess_exec(asyncio.SubprocessProtocol, 'cat'))",
    "asyncgen": (
        "async def agen():\n    yield 1\n"
        "async def main():\n    global kept\n    kept = agen()\n    await anext(kept)\n"
        "loop.run_until_complete(main())"
    ),
    "unrunnable cycle": "loop.call_soon(lambda: loop); loop.me = loop; del loop",
    "daemon thread": (
        "threading.Thread(target=loop.run_forever, daemon=True).start()\n"
        "while not loop.is_running(): time.sleep(0.001)\n"
        "loop.call_soon_threadsafe(int)"
    ),
    "daemon thread that is busy": (
        "def again(): loop.call_soon(again)\n"
        "again()\n"
        "threading.Thread(target=loop.run_forever, daemon=True).start()\n"
        "while not loop.is_running(): time.sleep(0.001)"
    ),
}


@pytest.mark.parametrize("name", LEFT_OPEN)
def test_the_interpreter_ends_with_a_loop_left_open(aio, name):
    source = "loop = mod.new_event_loop()\n" + LEFT_OPEN[name] + "\nprint('end', flush=True)"
    assert finish(aio, source).split() == ["end"]


def test_a_loop_that_runs_for_the_first_time_while_the_interpreter_ends(aio):
    """In a finalizer of what is part of a cycle: nothing can be imported any more."""
    if aio is asyncio and sys.version_info < (3, 13):
        pytest.skip("its own as_completed() imports the queues when it is called, which fails then")
    source = """
        import gc
        gc.disable()

        async def one():
            await mod.sleep(0)

        async def combined():
            await mod.gather(one(), one())
            await mod.wait_for(one(), 5)
            await mod.wait([mod.ensure_future(one())])
            for done in mod.as_completed([one()]):
                await done
            async with mod.TaskGroup() as group:
                group.create_task(one())
            try:
                async with mod.timeout(0):
                    await mod.sleep(5)
            except TimeoutError:
                pass

        async def synchronized():
            lock, queue = mod.Lock(), mod.PriorityQueue(1)
            async with lock:
                waiting = mod.create_task(lock.acquire())
                await mod.sleep(0)
                len(lock._waiters)
            await waiting
            condition = mod.Condition()
            async with condition:
                condition.notify()
            await mod.Semaphore().acquire()
            await mod.Barrier(1).wait()
            await queue.put(1)
            for full in (True, False):
                try:
                    queue.put_nowait(1) if full else queue.get_nowait()
                except mod.QueueFull:
                    queue.get_nowait()
                    queue.task_done()
                except mod.QueueEmpty:
                    pass
            await queue.join()

        async def connected():
            server = await mod.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
            reader, writer = await mod.open_connection(*server.sockets[0].getsockname())
            writer.write(b"x")
            await writer.drain()
            await reader.read()
            writer.close()
            server.close()
            loop = mod.get_running_loop()
            near, far = socket.socketpair()
            near.setblocking(False)
            far.setblocking(False)
            await loop.sock_sendall(near, b"x")
            await loop.sock_recv(far, 1)
            near.close()
            far.close()
            transport, _ = await loop.create_datagram_endpoint(mod.DatagramProtocol, local_addr=("127.0.0.1", 0))
            transport.sendto(b"x", transport.get_extra_info("sockname"))
            await mod.sleep(0.01)
            transport.close()

        class Last:
            def __init__(self):
                self.cycle, self.loop = self, mod.new_event_loop()

            def __del__(self):
                for part in (combined, synchronized, connected):
                    self.loop.run_until_complete(part())
                    print(part.__name__, flush=True)
                self.loop.close()

        Last()
    """
    assert finish(aio, source).split() == ["combined", "synchronized", "connected"]


def test_the_interpreter_ends_from_within_a_callback(aio):
    source = """
        loop = mod.new_event_loop()
        loop.call_soon(sys.exit, 3)
        loop.run_forever()
    """
    assert finish(aio, source, expected_code=3) == ""


def test_a_loop_that_is_closed_by_a_finaliser_at_the_end(aio):
    source = """
        class Late:
            def __init__(self): self.loop = mod.new_event_loop()
            def __del__(self): self.loop.close(); os.write(1, b"closed")
        late = Late()
        late.me = late
    """
    assert finish(aio, source) == "closed"


@contextlib.contextmanager
def started(aio, source):
    """The running program, once it has printed `ready`."""
    child = subprocess.Popen(
        [sys.executable, "-u", "-c", program(source), aio.__name__],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with child:
        try:
            assert child.stdout.readline() == b"ready\n", child.stderr.read()
            yield child
        finally:
            child.kill()


def test_ctrl_c_in_a_runner_cancels_the_main_task(aio):
    source = """
        async def main():
            try:
                print("ready")
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                await asyncio.sleep(0)
                print("cancelled")
                raise

        try:
            with asyncio.Runner(loop_factory=mod.new_event_loop) as runner:
                loop = runner.get_loop()
                runner.run(main())
        except KeyboardInterrupt:
            restored = signal.getsignal(signal.SIGINT) is signal.default_int_handler
            print("interrupted", loop.is_closed(), restored)
    """
    with started(aio, source) as child:
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
    assert (out, err, child.returncode) == (b"cancelled\ninterrupted True True\n", b"", 0)


def test_ctrl_c_twice_in_a_runner_interrupts_a_busy_task(aio):
    source = """
        async def main():
            print("ready")
            while not asyncio.current_task().cancelling():
                time.sleep(0.001)
            print("asked to end")
            while True:
                time.sleep(0.001)

        try:
            with asyncio.Runner(loop_factory=mod.new_event_loop) as runner:
                loop = runner.get_loop()
                runner.run(main())
        except KeyboardInterrupt:
            print("interrupted", loop.is_closed())
    """
    with started(aio, source) as child:
        child.send_signal(signal.SIGINT)
        assert child.stdout.readline() == b"asked to end\n"
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
    assert (out, err, child.returncode) == (b"interrupted True\n", b"", 0)


def test_ctrl_c_without_a_runner_leaves_the_loop_to_its_owner(aio):
    source = """
        loop = mod.new_event_loop()
        loop.call_soon(print, "ready")
        try:
            loop.run_forever()
        except KeyboardInterrupt:
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()
            print("interrupted", loop.is_closed())
    """
    with started(aio, source) as child:
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
    assert (out, err, child.returncode) == (b"interrupted True\n", b"", 0)


# The garbage collector


def tied(loop):
    """Tie the loop to itself in every way that a program does without thinking."""
    near, far = socket.socketpair()
    loop.me = loop
    loop.set_exception_handler(lambda *args: loop)
    loop.set_task_factory(lambda *args, **kwargs: asyncio.Task(*args[1:], loop=loop, **kwargs))
    loop.run_until_complete(asyncio.sleep(0))
    loop.run_until_complete(loop.run_in_executor(None, loop.get_debug))
    loop.call_soon(lambda: loop)
    loop.call_later(3600, lambda: loop)
    loop.add_reader(near, lambda: loop)
    loop.add_writer(far, lambda: loop)
    loop.add_signal_handler(signal.SIGUSR1, lambda: loop)
    return near, far


def test_closed_loops_are_collected(aio):
    gone = []
    for _ in range(5):
        loop = aio.new_event_loop()
        gone.append(weakref.ref(loop))
        near, far = tied(loop)
        loop.close()
        near.close()
        far.close()
        del loop
    gc.collect()
    assert [ref() for ref in gone] == [None] * 5


def test_an_open_loop_in_a_cycle_is_collected_closed_and_warned_about(aio):
    loop = aio.new_event_loop()
    near, far = tied(loop)
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.remove_signal_handler(signal.SIGUSR1)
    gone = weakref.ref(loop)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del loop
        gc.collect()
    near.close()
    far.close()
    assert sum(str(warning.message).startswith("unclosed event loop <") for warning in caught) == 1
    caught.clear()
    gc.collect()  # from Python 3.15 on, what the warning kept alive has its weak references until then
    assert gone() is None


def test_a_finished_connection_is_collected_while_the_loop_runs(new_loop):
    loop = new_loop()

    class Protocol(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport

    async def main():
        near, far = socket.socketpair()
        transport, protocol = await loop.create_connection(Protocol, sock=near)
        gone = weakref.ref(transport), weakref.ref(protocol), weakref.ref(near)
        far.sendall(b"data")
        far.close()
        while not transport.is_closing():
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        del transport, protocol, near
        await asyncio.sleep(0)
        gc.collect()
        return gone

    assert [ref() for ref in loop.run_until_complete(main())] == [None] * 3


def test_arguments_are_let_go_after_the_run(new_loop):
    class Arg:
        pass

    loop, args = new_loop(), [Arg() for _ in range(3)]
    gone = [weakref.ref(arg) for arg in args]
    loop.call_soon(id, args[0])
    loop.call_later(-1, id, args[1])
    loop.call_soon_threadsafe(id, args[2])
    args.clear()
    loop.stop()
    loop.run_forever()
    loop.stop()
    loop.run_forever()
    assert [ref() for ref in gone] == [None] * 3


def test_results_come_by_a_call_soon_threadsafe_of_the_programs_own(new_loop):
    loop, seen = new_loop(), []
    original = loop.call_soon_threadsafe

    def call_soon_threadsafe(callback, *args, **names):
        seen.append(callback)
        return original(callback, *args, **names)

    loop.call_soon_threadsafe = call_soon_threadsafe
    assert loop.run_until_complete(loop.run_in_executor(None, int, "3")) == 3
    assert seen
    del loop.call_soon_threadsafe
