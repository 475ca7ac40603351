"""Which engine does TLS: what is chosen, what is forced, and what is refused by name.

The other tests of TLS run on the engine that is in force; `FERRIO_TLS=bio pytest tests/tls` runs them on the other.
"""

import asyncio
import ssl
import subprocess
import sys

import ferrio
import pytest
from ferrio import _ferrio, sslproto
from tls_support import NAME


def connect(certificates, change=lambda context: context, **names):
    """The class and the engine of a client's transport, and what came back of what it sent."""

    async def scenario():
        ended = asyncio.Event()

        async def echo(reader, writer):
            try:
                writer.write(await reader.readexactly(5))
                writer.close()
                await writer.wait_closed()
            finally:
                ended.set()

        server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=certificates.server_side())
        async with server:
            port = server.sockets[0].getsockname()[1]
            context = change(certificates.client_side())
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=context, server_hostname=NAME, **names
            )
            writer.write(b"hello")
            found = type(writer.transport), getattr(writer.transport, "_engine", None), await reader.read()
            writer.close()
            await writer.wait_closed()
            await ended.wait()
        return found

    return ferrio.run(scenario())


@pytest.fixture
def unforced(monkeypatch):
    monkeypatch.delenv(sslproto.VARIABLE, raising=False)


@pytest.mark.usefixtures("unforced")
def test_the_first_that_works_is_chosen(certificates):
    engine, reason = sslproto.engine()
    assert engine == ("direct" if _ferrio.direct_tls() is None else "bio") and reason
    assert connect(certificates) == (sslproto.SSLTransport, engine, b"hello")


@pytest.mark.parametrize("engine", sslproto.ENGINES)
def test_one_is_forced(certificates, monkeypatch, engine):
    if engine == "direct" and _ferrio.direct_tls() is not None:
        pytest.skip(_ferrio.direct_tls())
    monkeypatch.setenv(sslproto.VARIABLE, engine)
    kind, used, answer = connect(certificates)
    assert answer == b"hello"
    if engine == "asyncio":
        assert kind is asyncio.sslproto._SSLProtocolTransport
    else:
        assert (kind, used) == (sslproto.SSLTransport, engine)


@pytest.mark.parametrize("wrong", ["", "openssl", "DIRECT"])
def test_another_name_is_an_error_that_says_which_there_are(monkeypatch, wrong):
    monkeypatch.setenv(sslproto.VARIABLE, wrong)
    with pytest.raises(ValueError, match=rf"FERRIO_TLS='{wrong}': .* direct, bio, asyncio, or not set"):
        sslproto.engine()


def test_direct_where_it_cannot_be_is_an_error_with_the_reason(monkeypatch):
    monkeypatch.setenv(sslproto.VARIABLE, "direct")
    monkeypatch.setattr(_ferrio, "direct_tls", lambda: "the moon is full")
    with pytest.raises(RuntimeError, match=r"FERRIO_TLS=direct: .*: the moon is full; unset the variable"):
        sslproto.engine()
    monkeypatch.delenv(sslproto.VARIABLE)
    assert sslproto.engine() == ("bio", "the moon is full")


class Reading(ssl.SSLObject):
    calls = 0

    def read(self, *args):
        type(self).calls += 1
        return super().read(*args)


class Shaking(ssl.SSLObject):
    calls = 0

    def do_handshake(self):
        type(self).calls += 1
        super().do_handshake()


def with_objects_of(kind):
    def change(context):
        context.sslobject_class = kind
        return context

    return change


@pytest.mark.usefixtures("unforced")
def test_a_class_that_reads_in_its_own_way_is_not_passed_over(certificates):
    assert connect(certificates, with_objects_of(Reading))[1:] == ("bio", b"hello") and Reading.calls > 0


@pytest.mark.usefixtures("unforced")
def test_a_class_that_shakes_hands_in_its_own_way_does_so_on_either_engine(certificates):
    assert connect(certificates, with_objects_of(Shaking))[1:] == (sslproto.engine()[0], b"hello") and Shaking.calls > 0


@pytest.mark.usefixtures("unforced")
def test_who_listens_to_messages_hears_them_all(certificates):
    heard = []

    def change(context):
        context._msg_callback = lambda *args: heard.append(args[1])
        return context

    assert connect(certificates, change)[1:] == ("bio", b"hello")
    assert {"read", "write"} <= set(heard)


def test_the_doctor_says_which_and_why():
    done = subprocess.run([sys.executable, "-m", "ferrio", "doctor"], capture_output=True, text=True, check=False)
    (line,) = (line for line in done.stdout.splitlines() if line.split()[:1] == ["tls"] and "kernel" not in line)
    assert sslproto.engine()[1] in line
