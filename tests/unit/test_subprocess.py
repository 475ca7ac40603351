"""Child processes with every option of Popen, and fork in a running loop.

Children are /bin/sh and the core utilities, since starting them takes a millisecond.
"""

import asyncio
import contextlib
import functools
import os
import signal
import socket
import subprocess
import tempfile
import threading
import warnings

import pytest
from helpers import Log, on_loop, until

PIPE = subprocess.PIPE


async def output(*program, **options):
    """What the program writes to its standard output; it must succeed."""
    process = await asyncio.create_subprocess_exec(*program, stdout=PIPE, **options)
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out


@contextlib.asynccontextmanager
async def waiting_child(**options):
    """A child that lives until its standard input ends."""
    process = await asyncio.create_subprocess_exec("cat", stdin=PIPE, stdout=subprocess.DEVNULL, **options)
    try:
        yield process
    finally:
        process.stdin.close()
        await process.wait()


@on_loop
async def test_exit_codes_and_both_calls(loop):
    for script, code in (("exit 0", 0), ("exit 7", 7), ("kill -9 $$", -9), ("kill -TERM $$", -15)):
        for create in (
            lambda script=script: asyncio.create_subprocess_shell(script),
            lambda script=script: asyncio.create_subprocess_exec("sh", "-c", script),
        ):
            process = await create()
            assert await process.wait() == code
            assert process.returncode == code
            with pytest.raises(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)  # it has been reaped


@on_loop
async def test_communicate_with_much(loop):
    data = os.urandom(1 << 21)
    assert await output("cat", stdin=subprocess.DEVNULL) == b""
    process = await asyncio.create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE)
    out, err = await process.communicate(data)
    assert out == data and err is None and process.returncode == 0
    process = await asyncio.create_subprocess_exec("true", stdin=PIPE)
    assert await process.communicate(data) == (None, None)


@on_loop
async def test_where_the_streams_go(loop):
    script = "echo out; echo err >&2"
    process = await asyncio.create_subprocess_shell(script, stdout=PIPE, stderr=PIPE)
    assert await process.communicate() == (b"out\n", b"err\n")
    process = await asyncio.create_subprocess_shell(script, stdout=PIPE, stderr=subprocess.STDOUT)
    assert await process.communicate() == (b"out\nerr\n", None)
    with tempfile.TemporaryFile() as file:
        file.write(b"from a file")
        file.seek(0)
        assert await output("cat", stdin=file) == b"from a file"
        process = await asyncio.create_subprocess_shell(script, stdout=file, stderr=subprocess.DEVNULL)
        await process.wait()
        file.seek(11)
        assert file.read() == b"out\n"


@on_loop
async def test_environment_directory_umask_and_executable(loop, tmp_path):
    assert await output("/usr/bin/env", env={"A": "1", "B": "two"}) == b"A=1\nB=two\n"
    assert await output("pwd", "-P", cwd=tmp_path) == os.fsencode(tmp_path.resolve()) + b"\n"
    assert await output("sh", "-c", "umask", umask=0o027) in (b"0027\n", b"027\n")
    assert await output("ignored", "-c", "echo $0", "name", executable="/bin/sh") == b"name\n"


@on_loop
async def test_sessions_and_process_groups(loop):
    async with waiting_child() as process:
        assert os.getsid(process.pid) == os.getsid(0) and os.getpgid(process.pid) == os.getpgid(0)
    async with waiting_child(start_new_session=True) as process:
        assert os.getsid(process.pid) == process.pid
    async with waiting_child(process_group=0) as process:
        assert os.getsid(process.pid) == os.getsid(0) and os.getpgid(process.pid) == process.pid
        async with waiting_child(process_group=process.pid) as second:
            assert os.getpgid(second.pid) == process.pid


@on_loop
async def test_descriptors_and_preexec(loop):
    reading, writing = os.pipe()
    try:
        script = f"echo passed >/dev/fd/{writing}"
        assert await output("sh", "-c", script, pass_fds=(writing,)) == b""
        assert os.read(reading, 100) == b"passed\n"
        process = await asyncio.create_subprocess_shell(script, stderr=subprocess.DEVNULL)
        assert await process.wait() != 0
        assert await output("echo", "after", preexec_fn=lambda: os.write(1, b"before ")) == b"before after\n"
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
@on_loop
async def test_user_and_groups(loop):
    script = "id -u; id -g; id -G"
    out = await output("sh", "-c", script, user=12345, group=54321, extra_groups=[77])
    uid, gid, groups = out.splitlines()
    assert (uid, gid, set(groups.split())) == (b"12345", b"54321", {b"54321", b"77"})


@on_loop
async def test_programs_that_cannot_start(loop, tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("not executable")
    for program, options, kind, text in (
        (
            "/missing/program",
            {},
            FileNotFoundError,
            "[Errno 2] No such file or directory: '/missing/program'",
        ),
        ("missing-program", {}, FileNotFoundError, "[Errno 2] No such file or directory: 'missing-program'"),
        (str(plain), {}, PermissionError, f"[Errno 13] Permission denied: '{plain}'"),
        ("true", {"cwd": "/missing"}, FileNotFoundError, "[Errno 2] No such file or directory: '/missing'"),
        (
            "true",
            {"preexec_fn": lambda: 1 / 0},
            subprocess.SubprocessError,
            "Exception occurred in preexec_fn.",
        ),
        ("nul\0", {}, ValueError, "embedded null byte"),
    ):
        with pytest.raises(kind) as caught:
            await asyncio.create_subprocess_exec(program, stdin=PIPE, stdout=PIPE, stderr=PIPE, **options)
        assert str(caught.value) == text


@on_loop
async def test_child_arguments_that_are_refused(loop):
    shared = {
        "universal_newlines": "False",
        "text": "False",
        "bufsize": "0",
        "encoding": "None",
        "errors": "None",
    }
    for call, switch, required in (
        (functools.partial(loop.subprocess_exec, asyncio.SubprocessProtocol, "true"), True, "False"),
        (functools.partial(loop.subprocess_shell, asyncio.SubprocessProtocol, "true"), False, "True"),
    ):
        with pytest.raises(ValueError, match=rf"^shell must be {required}$"):
            await call(shell=switch)
        for name, needed in shared.items():
            with pytest.raises(ValueError, match=rf"^{name} must be {needed}$"):
                await call(**{name: 1})
        with pytest.raises(TypeError, match=r"nonsense"):
            await call(nonsense=1)
    with pytest.raises(ValueError, match=r"^cmd must be a string$"):
        await loop.subprocess_shell(asyncio.SubprocessProtocol, ["true"])


class Child(asyncio.SubprocessProtocol):
    def __init__(self):
        self.events, self.data = [], {1: b"", 2: b""}
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.events.append("made")

    def pipe_data_received(self, fd, data):
        self.data[fd] += data

    def pipe_connection_lost(self, fd, exc):
        self.events.append(("pipe lost", fd, exc))

    def process_exited(self):
        self.events.append("exited")

    def connection_lost(self, exc):
        self.events.append("lost")
        self.closed.set_result(exc)


@on_loop
async def test_the_transport_and_protocol_of_a_child(loop):
    transport, child = await loop.subprocess_exec(Child, "sh", "-c", "cat; echo err >&2; exit 3")
    assert transport.get_returncode() is None and transport.get_protocol() is child
    assert transport.get_pid() == transport.get_extra_info("subprocess").pid
    assert transport.get_pipe_transport(5) is None and not transport.is_closing()
    stdin = transport.get_pipe_transport(0)
    stdin.write(b"in")
    stdin.close()
    assert await child.closed is None
    assert child.data == {1: b"in", 2: b"err\n"} and transport.get_returncode() == 3
    assert child.events[0] == "made" and child.events[-1] == "lost"
    lost = [("pipe lost", fd, None) for fd in range(3)]
    assert sorted(child.events[1:-1], key=str) == sorted(["exited", *lost], key=str)
    for send in (transport.kill, transport.terminate, lambda: transport.send_signal(0)):
        with pytest.raises(ProcessLookupError):
            send()
    transport.close()


@on_loop
async def test_signalling_a_child(loop):
    for send, code in (
        (lambda process: process.kill(), -signal.SIGKILL),
        (lambda process: process.terminate(), -signal.SIGTERM),
        (lambda process: process.send_signal(signal.SIGUSR1), -signal.SIGUSR1),
    ):
        async with waiting_child() as process:
            send(process)
            assert await process.wait() == code


@on_loop
async def test_closing_the_transport_kills_the_child(loop):
    transport, child = await loop.subprocess_exec(Child, "cat")
    transport.close()
    transport.close()
    assert transport.is_closing()
    await child.closed
    assert transport.get_returncode() == -signal.SIGKILL


@on_loop
async def test_cancelling_a_wait_leaves_the_child(loop):
    async with waiting_child() as process:
        waiting = loop.create_task(process.wait())
        await asyncio.sleep(0.001)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        os.kill(process.pid, 0)
    assert process.returncode == 0


@on_loop
async def test_many_children_at_once(loop):
    async def one(n):
        process = await asyncio.create_subprocess_shell(f"echo {n}; exit {n}", stdout=PIPE)
        out, _ = await process.communicate()
        return int(out), process.returncode

    assert await asyncio.gather(*map(one, range(40))) == [(n, n) for n in range(40)]


@on_loop
async def test_the_loop_reaps_only_its_own_children(loop):
    with subprocess.Popen(["sh", "-c", "exit 9"]) as foreign:
        await until(lambda: os.waitid(os.P_PID, foreign.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT))
        process = await asyncio.create_subprocess_shell("exit 4")
        assert await process.wait() == 4
        assert foreign.wait() == 9


def test_children_of_a_loop_in_a_thread(new_loop):
    loop, seen = new_loop(), []

    async def main():
        seen.append(await output("echo", "thread"))
        async with waiting_child() as process:
            process.kill()
            seen.append(await process.wait())

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),))
    thread.start()
    thread.join()
    assert seen == [b"thread\n", -signal.SIGKILL]


def test_fork_in_a_running_loop(new_loop, aio):
    loop = new_loop()

    async def works(own):
        """Timers, executors, wake-ups and I/O on this loop."""
        assert asyncio.get_running_loop() is own
        await asyncio.sleep(0.001)
        assert await own.run_in_executor(None, pow, 2, 3) == 8
        near, far = socket.socketpair()
        with near, far:
            transport, log = await own.create_connection(Log, sock=near)
            far.send(b"data")
            await until(lambda: log.data == b"data")
            transport.close()
            await log.closed
        await own.shutdown_default_executor()
        return True

    def in_child():
        try:
            with pytest.raises(RuntimeError):
                asyncio.get_running_loop()
            with contextlib.closing(aio.new_event_loop()) as own:
                assert own.run_until_complete(works(own))
            os._exit(42)
        finally:
            os._exit(1)

    async def main():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns when there are threads
            pid = os.fork()
        if not pid:
            in_child()
        timer = loop.create_future()
        loop.call_later(0.001, timer.set_result, "fired")
        assert await timer == "fired"
        _, status = await loop.run_in_executor(None, os.waitpid, pid, 0)
        assert os.waitstatus_to_exitcode(status) == 42
        assert await works(loop)

    loop.run_until_complete(main())
