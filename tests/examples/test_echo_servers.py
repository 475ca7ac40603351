"""The echo servers as servers: they answer clients of other programs, and Ctrl-C ends them with clients connected."""

import os
import socket

import pytest
from programs import Program, run, serving


def echoes(connection, message):
    connection.settimeout(10)
    connection.sendall(message)
    assert connection.makefile("rb").read(len(message)) == message


def test_tcp(loop, strict):
    with serving(loop, Program("tcp_echo.py", ("serve", "--port", "0")), strict) as server:
        host, port = server.address.split(":")
        with socket.create_connection((host, int(port))) as connection:
            echoes(connection, b"hello\n")
        sent = run(loop, Program("tcp_echo.py", ("send", "--port", port, "one", "two")), strict)
        assert (sent.status, sent.out, sent.err) == (0, "one\ntwo\n", "")
    assert server.lines[-1] == "stopped\n"


@pytest.mark.parametrize("reads", [True, False])
def test_tcp_ends_with_clients_connected(loop, strict, reads):
    with socket.socket() as connection:
        with serving(loop, Program("tcp_echo.py", ("serve", "--port", "0")), strict) as server:
            connection.connect(("127.0.0.1", int(server.address.split(":")[1])))
            connection.settimeout(10)
            echoes(connection, b"hello\n")
            if not reads:
                fill(connection)
        assert server.lines[-1] == "stopped\n"


def fill(connection):
    """Send without reading, until the other end cannot take more: it is stuck in sending back."""
    connection.settimeout(0.2)
    with pytest.raises(TimeoutError):
        while True:
            connection.sendall(bytes(1 << 20))


def test_unix(loop, strict, tmp_path):
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as connection:
        with serving(loop, Program("unix_echo.py", ("serve", "--path", path)), strict) as server:
            assert server.address == path
            connection.connect(path)
            echoes(connection, b"\0\0\0\5hello")
            sent = run(loop, Program("unix_echo.py", ("send", "--path", path, "one", "two")), strict)
            assert (sent.status, sent.out, sent.err) == (0, "one\ntwo\n", "")
        assert server.lines[-1] == "stopped\n"
    assert not os.path.exists(path)


def test_udp(loop, strict):
    with serving(loop, Program("udp_echo.py", ("serve", "--port", "0")), strict) as server:
        port = server.address.split(":")[1]
        sent = run(loop, Program("udp_echo.py", ("send", "--port", port, "one", "two")), strict)
        assert (sent.status, sent.out, sent.err) == (0, "one\ntwo\n", "")
    assert server.lines[-1] == "stopped\n"


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (Program("tcp_echo.py", ("send", "--port", "1")), "tcp_echo: "),
        (Program("tcp_echo.py", ("serve", "--port", "70000")), "tcp_echo: "),
        (Program("unix_echo.py", ("send", "--path", "/none/socket")), "unix_echo: "),
        (Program("unix_echo.py", ("serve", "--path", "/none/socket")), "unix_echo: "),
        (Program("udp_echo.py", ("send", "--port", "1")), "udp_echo: no answer to 'hello' after 5 attempts"),
        (Program("udp_echo.py", ("serve", "--port", "70000")), "udp_echo: "),
    ],
    ids=str,
)
def test_mistakes_get_one_line(loop, program, message):
    finished = run(loop, program)
    assert (finished.status, finished.out) == (1, "")
    assert finished.err.startswith(message) and finished.err.count("\n") == 1, finished.err


def test_a_port_that_is_taken(loop):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        finished = run(loop, Program("tcp_echo.py", ("serve", "--port", port)))
    assert finished.status == 1 and "address already in use" in finished.err
