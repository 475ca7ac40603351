"""The port scanner: it finds what listens and nothing else, reads ranges, and says what is wrong with arguments."""

import contextlib
import fcntl
import os
import pty
import socket
import struct
import subprocess
import sys
import termios

import pytest
from programs import FOLDER, LAUNCH, Program, check, run


@contextlib.contextmanager
def listeners(count):
    """The ports, in ascending order, of sockets that listen."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        yield sorted(each.getsockname()[1] for each in sockets)


def opened(out):
    return [int(line.split()[0]) for line in out.splitlines() if " open" in line and "," not in line]


def test_finds_what_listens(strict):
    with listeners(3) as ports:
        listed = ",".join(map(str, ports))
        check(Program("port_scanner.py", (f"1,{listed}",), says=("3 open, 1 closed, 0 silent",)), strict)


def test_ranges(loop):
    with listeners(2) as (first, second):
        last = min(second, first + 300)
        finished = run(loop, Program("port_scanner.py", (f"{first}-{last}, {second},{second}", "--concurrency", "20")))
    assert (finished.status, finished.err) == (0, "")
    assert {first, second} <= set(opened(finished.out))
    assert opened(finished.out) == sorted(set(opened(finished.out)))


def test_silence_ends_by_the_timeout(loop):
    """A listener whose queue is full neither accepts nor refuses."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        port = str(listener.getsockname()[1])
        finished = run(loop, Program("port_scanner.py", (port, "--timeout", "0.1")))
    assert finished.status == 0 and "0 open, 0 closed, 1 silent" in finished.out, finished


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["0"], "argument ports: '0' is not a port: they are 1 to 65535, as in 20-1024,8080"),
        (["65536"], "argument ports: '65536' is not a port"),
        (["20-"], "argument ports: '' is not a port"),
        (["http"], "argument ports: 'http' is not a port"),
        (["80,,90"], "argument ports: '' is not a port"),
        (["90-80"], "argument ports: 90-80 is empty: did you mean 80-90?"),
        (["80", "--concurrency", "0"], "argument --concurrency: '0' is not a whole number above 0"),
        (["80", "--concurrency", "1.5"], "argument --concurrency: '1.5' is not a whole number above 0"),
        (["80", "--timeout", "nan"], "argument --timeout: 'nan' is not a number above 0"),
        (["80", "--host", "no such machine"], "argument --host: 'no such machine' is no known machine"),
        (["80", "--verbose"], "unrecognized arguments: --verbose"),
    ],
    ids=" ".join,
)
def test_mistakes_are_told(arguments, message):
    finished = run("asyncio", Program("port_scanner.py", tuple(arguments)))
    assert (finished.status, finished.out) == (2, "")
    assert f"error: {message}" in finished.err and "Traceback" not in finished.err


def test_progress_goes_to_the_terminal_and_not_into_the_output(loop):
    terminal, end = pty.openpty()
    try:
        fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        command = [sys.executable, *LAUNCH[loop], FOLDER / "port_scanner.py", "1-100"]
        finished = subprocess.run(command, stdout=subprocess.PIPE, stderr=end, text=True, timeout=30, check=True)
        drawn = os.read(terminal, 1 << 16).decode()
    finally:
        os.close(terminal)
        os.close(end)
    assert "\r[###############               ] 50/100" in drawn and drawn.endswith("\r\x1b[K")
    assert "\r" not in finished.stdout and "100 closed" in finished.stdout
