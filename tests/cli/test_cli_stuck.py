"""Reports of stuck programs under `ferrio run`: at SIGUSR1, at Ctrl-C, after a time.

Whatever is reported, the program goes on, or ends, as it would have.
"""

import contextlib
import os
import signal
import subprocess
import threading

import pytest
from cli_commands import FERRIO, PATIENCE, execute, ferrio, variables

HEAD = """
import asyncio, os, signal, sys, threading, time
async def never(queue):
    await queue.get()
async def first(a, b, both):
    async with a:
        await both.wait()
        async with b: pass
def ready(): print("ready", flush=True)
def ready_when_asleep(loop):
    while loop._progress() is not None: time.sleep(0.001)
    ready()
def ready_when_in(name, thread=threading.get_ident()):
    while sys._current_frames()[thread].f_code.co_name != name: time.sleep(0.001)
    time.sleep(0.1)
    ready()
"""

SLEEPS = (
    HEAD
    + """
async def main():
    loop = asyncio.get_running_loop()
    asyncio.create_task(never(asyncio.Queue()), name="waits")
    for _ in range(3):
        done = asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR2, done.set)
        threading.Thread(target=ready_when_asleep, args=(loop,)).start()
        await done.wait()
asyncio.run(main())
sys.exit(7)
"""
)


class Program:
    """A program that runs, and what it says on standard error, as it says it."""

    def __init__(self, folder, text, *options, stderr=subprocess.PIPE):
        (folder / "program.py").write_text(text)
        command = [*FERRIO, "run", *options, "program.py"]
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env=variables({}),
        )
        self.timer = threading.Timer(PATIENCE, self.process.kill)
        self.timer.start()
        assert self.process.stdout.readline() == "ready\n"

    def send(self, number):
        self.process.send_signal(number)

    def go_on(self):
        """Of `SLEEPS`: it has gone on, and sleeps again."""
        self.send(signal.SIGUSR2)
        assert self.process.stdout.readline() == "ready\n"

    def read_until(self, text):
        """What it says on standard error up to a line with this."""
        lines = []
        for line in self.process.stderr:
            lines.append(line)
            if text in line:
                return "".join(lines)
        raise AssertionError("".join(lines))

    def end(self):
        """Its status, and what it says until then."""
        errors = self.process.stderr.read() if self.process.stderr else ""
        self.process.wait()
        return self.process.returncode, errors

    def close(self):
        self.timer.cancel()
        self.process.kill()
        with contextlib.suppress(ValueError):  # its pipes are closed already
            self.process.communicate()


@pytest.fixture
def start(tmp_path):
    with contextlib.ExitStack() as stack:

        def start(text, *options, **others):
            program = Program(tmp_path, text, *options, **others)
            stack.callback(program.close)
            return program

        yield start


def test_a_signal_while_the_loop_sleeps(start):
    program = start(SLEEPS)
    for _ in range(2):
        program.send(signal.SIGUSR1)
        report = program.read_until("await queue.get()")
        assert ", at SIGUSR1\n" in report and "  'waits' " in report
        assert "in thread 'MainThread': sleeps until something happens" in report
        program.go_on()
    program.send(signal.SIGUSR2)
    assert program.end()[0] == 7


def test_a_signal_while_a_callback_blocks(start):
    program = start(
        HEAD
        + """
async def main():
    asyncio.create_task(never(asyncio.Queue()), name="waits")
    await asyncio.sleep(0)
    threading.Thread(target=ready_when_in, args=("block",)).start()
    block()
def block(): sys.stdin.readline()
asyncio.run(main())
"""
    )
    program.send(signal.SIGUSR1)
    report = program.read_until("'waits' ")
    assert "runs a callback" in report and "sys.stdin.readline()" in report


def test_a_signal_while_c_code_has_the_main_thread(start):
    program = start(
        HEAD
        + """
import ctypes
libc = ctypes.CDLL(None)
mutex = ctypes.create_string_buffer(256)
async def main():
    asyncio.create_task(never(asyncio.Queue()), name="waits")
    await asyncio.sleep(0)
    libc.pthread_mutex_lock(mutex)
    threading.Thread(target=ready_when_in, args=("block",)).start()
    block()
def block():
    libc.pthread_mutex_lock(mutex)  # for ever, without the interpreter's lock
asyncio.run(main())
""",
        "--watchdog",
        "60",
    )
    program.send(signal.SIGUSR1)
    report = program.read_until("'waits' ")
    assert "at SIGUSR1, which the main thread does not attend to" in report
    assert "libc.pthread_mutex_lock(mutex)  # for ever" in report


def test_a_signal_for_loops_in_other_threads(start):
    program = start(
        HEAD
        + """
async def main():
    threading.Thread(target=ready_when_asleep, args=(asyncio.get_running_loop(),)).start()
    await never(asyncio.Queue())
thread = threading.Thread(target=lambda: asyncio.run(main()), name="of a loop", daemon=True)
thread.start()
thread.join()
"""
    )
    program.send(signal.SIGUSR1)
    report = program.read_until("await queue.get()")
    assert "in thread 'of a loop': sleeps until something happens" in report


def test_a_program_may_have_the_signal(start):
    program = start(
        HEAD
        + """
signal.signal(signal.SIGUSR1, lambda *_: sys.exit(11))
ready()
while True: time.sleep(1)
""",
        "--watchdog",
        "60",
    )
    program.send(signal.SIGUSR1)
    assert program.end() == (11, "")


def test_a_signal_that_is_ignored_stays_so(tmp_path):
    code = "import signal; print(signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN)"
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        assert ferrio("run", "-c", code, cwd=tmp_path).stdout == "True\n"
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_children_do_not_have_it(tmp_path):
    code = "import subprocess, sys; print(subprocess.run(['sh', '-c', 'kill -USR1 $$']).returncode)"
    assert ferrio("run", "-c", code, cwd=tmp_path).stdout == f"{-signal.SIGUSR1}\n"


@pytest.mark.parametrize("runs", ["asyncio.run(main())", "asyncio.new_event_loop().run_until_complete(main())"])
def test_control_c_under_the_watchdog(start, runs):
    text = (
        HEAD
        + f"""
async def main():
    asyncio.create_task(never(asyncio.Queue()), name="waits")
    await asyncio.sleep(0)
    ready()
    await asyncio.sleep(100)
{runs}
"""
    )
    plain = start(text)
    plain.send(signal.SIGINT)
    status, errors = plain.end()
    assert status == -signal.SIGINT and "ferrio: " not in errors
    program = start(text, "--watchdog", "60")
    program.send(signal.SIGINT)
    watched, report = program.end()
    assert watched == status
    assert ", at Ctrl-C\n" in report and "'waits' " in report and "await queue.get()" in report
    assert report.count("ferrio: ") == 1
    assert "\nKeyboardInterrupt\n" in report


def test_a_second_control_c(start):
    program = start(
        HEAD
        + """
async def main():
    ready()
    try:
        await asyncio.sleep(100)
    except asyncio.CancelledError:
        print("no", flush=True)
    await asyncio.sleep(100)
asyncio.run(main())
""",
        "--watchdog",
        "60",
    )
    program.send(signal.SIGINT)
    assert program.process.stdout.readline() == "no\n"
    program.send(signal.SIGINT)
    status, report = program.end()
    assert status == -signal.SIGINT and report.count(", at Ctrl-C\n") == 2


def test_tasks_that_wait_for_long(tmp_path):
    text = (
        HEAD
        + """
async def main():
    a, b, both = asyncio.Lock(), asyncio.Lock(), asyncio.Barrier(2)
    tasks = [asyncio.create_task(first(*each), name=name) for name, each in zip("AB", ((a, b, both), (b, a, both)))]
    await asyncio.wait(tasks, timeout=3)
    sys.exit(7)
asyncio.run(main())
"""
    )
    (tmp_path / "program.py").write_text(text)
    done = ferrio("run", "--dump-tasks-after", "0.5", "program.py", cwd=tmp_path)
    assert done.returncode == 7
    assert done.stderr.count("\ndeadlock: task '") == 1 and "has waited for " in done.stderr
    assert "program.py:8 in first  async with b: pass" in done.stderr


@pytest.mark.parametrize("option", ["0", "-1", "soon", "inf"])
def test_a_time_must_be_one(tmp_path, option):
    done = ferrio("run", f"--dump-tasks-after={option}", "-c", "pass", cwd=tmp_path)
    assert done.returncode == 2 and "--dump-tasks-after" in done.stderr


@pytest.mark.parametrize("closed", ["os.close(2)", "sys.stderr = None", "sys.stderr.close()"])
def test_without_a_standard_error_the_program_goes_on(start, closed):
    program = start(f"import os, sys\n{closed}\n" + SLEEPS, "--dump-tasks-after", "0.1", stderr=subprocess.DEVNULL)
    program.send(signal.SIGUSR1)
    program.go_on()
    program.go_on()
    program.send(signal.SIGUSR2)
    assert program.end()[0] == 7


def test_a_pipe_that_nobody_reads_any_more(start):
    read, write = os.pipe()
    program = start(SLEEPS, stderr=write)
    os.close(write)
    os.close(read)
    program.send(signal.SIGUSR1)
    program.go_on()
    program.go_on()
    program.send(signal.SIGUSR2)
    assert program.end()[0] == 7


def test_no_thread_is_started_unless_asked_for(tmp_path):
    code = "import threading; print([thread.name for thread in threading.enumerate()])"
    assert execute([*FERRIO, "run", "-c", code], cwd=tmp_path).stdout == "['MainThread']\n"
