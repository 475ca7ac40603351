"""Contexts and objects of the user's own: subclasses, sslobject_class, wrap_bio, key logs, truststore."""

import ssl

import pytest
from helpers import on_loop, until
from tls_support import NAME, Echo, answered, gone, linked, same, serving


class Context(ssl.SSLContext):
    """A subclass that has more to say."""

    colour = "green"


class Object(ssl.SSLObject):
    """Counts what it is asked for."""

    def __new__(cls, *arguments, **options):
        self = super().__new__(cls, *arguments, **options)
        self.calls = []
        return self

    def do_handshake(self):
        self.calls.append("do_handshake")
        return super().do_handshake()

    def read(self, *arguments):
        self.calls.append("read")
        return super().read(*arguments)

    def write(self, data):
        self.calls.append("write")
        return super().write(data)

    def unwrap(self):
        self.calls.append("unwrap")
        return super().unwrap()


@on_loop
async def test_a_subclass_of_the_context(loop, certificates, version):
    contexts = certificates.server_side(version=version, make=Context), certificates.client_side(None, version, Context)
    async with linked(loop, contexts, server=Echo) as (near, far):
        await answered(near)
        for end, context in ((near, contexts[1]), (far, contexts[0])):
            assert end.transport.get_extra_info("sslcontext") is context
            assert end.transport.get_extra_info("ssl_object").context.colour == "green"


@on_loop
async def test_a_class_of_objects(loop, certificates, version):
    """sslobject_class: its overridden methods are what runs, at both ends."""
    contexts = certificates.both_sides(version)
    for context in contexts:
        context.sslobject_class = Object
    async with linked(loop, contexts, server=Echo) as (near, far):
        await answered(near)
        objects = [end.transport.get_extra_info("ssl_object") for end in (near, far)]
        near.transport.close()
        await near.closed
        await far.closed
        for tls in objects:
            assert type(tls) is Object
            assert {"do_handshake", "read", "write", "unwrap"} <= set(tls.calls)


@on_loop
async def test_an_object_that_changes_the_data(loop, certificates):
    """What its read() returns is what arrives."""

    class Shouts(ssl.SSLObject):
        def read(self, *arguments):
            got = super().read(*arguments)
            return got.upper() if isinstance(got, bytes) else got

    contexts = certificates.both_sides()
    contexts[1].sslobject_class = Shouts
    async with linked(loop, contexts, server=Echo) as (near, far):
        near.transport.write(b"hello")
        await until(lambda: near.data)
        assert bytes(near.data) == b"HELLO" and bytes(far.data) == b"hello"


def test_an_object_whose_handshake_raises(certificates):
    """An exception of the user's own ends the connection attempt and reaches who connects."""

    class Fails(ssl.SSLObject):
        def do_handshake(self):
            raise ssl.SSLError(1, "as you wish")

    async def scenario(loop):
        client_side = certificates.client_side()
        client_side.sslobject_class = Fails
        async with serving(loop, Echo, ssl=certificates.server_side()) as (address, made):
            with pytest.raises(ssl.SSLError) as caught:
                await loop.create_connection(Echo, *address, ssl=client_side, server_hostname=NAME)
            await gone(*made)
            return str(caught.value)

    assert "as you wish" in same(scenario)


@on_loop
async def test_wrap_bio_is_called(loop, certificates):
    """The place where a context's own class has its say, with the arguments that asyncio passes."""
    calls = []

    class Wraps(ssl.SSLContext):
        def wrap_bio(self, incoming, outgoing, server_side=False, server_hostname=None, session=None):
            calls.append((type(incoming), type(outgoing), server_side, server_hostname))
            return super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)

    contexts = certificates.server_side(make=Wraps), certificates.client_side(make=Wraps)
    async with linked(loop, contexts, server=Echo) as (near, _):
        await answered(near)
    memory = ssl.MemoryBIO
    assert sorted(calls, key=lambda call: call[2]) == [(memory, memory, False, NAME), (memory, memory, True, None)]


@on_loop
async def test_keys_are_logged(loop, certificates, version, tmp_path):
    """keylog_filename: both ends write the same secrets, as Wireshark wants them."""
    contexts = certificates.both_sides(version)
    files = [tmp_path / "server", tmp_path / "client"]
    for context, file in zip(contexts, files, strict=True):
        context.keylog_filename = str(file)
    async with linked(loop, contexts, server=Echo) as (near, _):
        await answered(near)
    lines = [{line for line in file.read_text().splitlines() if not line.startswith("#")} for file in files]
    label = "CLIENT_RANDOM" if version == ssl.TLSVersion.TLSv1_2 else "CLIENT_TRAFFIC_SECRET_0"
    assert lines[0] == lines[1] and any(line.startswith(label) for line in lines[0])
    for context in contexts:
        context.keylog_filename = None


@on_loop
async def test_the_environment_names_a_key_log(loop, certificates, tmp_path, monkeypatch):
    """SSLKEYLOGFILE, which create_default_context reads."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    client_side = ssl.create_default_context(cafile=certificates.authority)
    async with linked(loop, (certificates.server_side(), client_side), server=Echo) as (near, _):
        await answered(near)
    assert "CLIENT_TRAFFIC_SECRET_0" in (tmp_path / "keys").read_text()
    client_side.keylog_filename = None


@on_loop
async def test_messages_can_be_watched(loop, certificates, version):
    """The debugging hook of ssl, private there and used by its own tests, is called for both directions."""
    contexts = certificates.both_sides(version)
    seen = set()
    contexts[1]._msg_callback = lambda conn, direction, *_: seen.add((direction, isinstance(conn, ssl.SSLObject)))
    async with linked(loop, contexts, server=Echo) as (near, _):
        await answered(near)
    assert seen == {("read", True), ("write", True)}


@on_loop
async def test_truststore(loop, certificates, monkeypatch):
    """A context that verifies by the system's means, and is no subclass whose __init__ was run as usual."""
    truststore = pytest.importorskip("truststore", reason="truststore is not installed")
    monkeypatch.setenv("SSL_CERT_FILE", certificates.authority)
    client_side = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with linked(loop, (certificates.server_side(), client_side), server=Echo) as (near, _):
        await answered(near)
        assert near.transport.get_extra_info("sslcontext") is client_side
    async with serving(loop, Echo, ssl=certificates.server_side("alone")) as (address, made):
        with pytest.raises(ssl.SSLCertVerificationError):
            await loop.create_connection(Echo, *address, ssl=client_side, server_hostname=NAME)
        await gone(*made)


@on_loop
async def test_truststore_injected(loop, certificates, monkeypatch):
    """inject_into_ssl() replaces ssl.SSLContext itself; the default context is then one of truststore's."""
    truststore = pytest.importorskip("truststore", reason="truststore is not installed")
    monkeypatch.setenv("SSL_CERT_FILE", certificates.authority)
    server_side = certificates.server_side()
    truststore.inject_into_ssl()
    try:
        async with linked(loop, (server_side, True), server=Echo) as (near, _):
            assert isinstance(near.transport.get_extra_info("sslcontext"), truststore.SSLContext)
            await answered(near)
        async with serving(loop, Echo, ssl=certificates.server_side("alone")) as (address, made):
            with pytest.raises(ssl.SSLCertVerificationError):
                await loop.create_connection(Echo, *address, ssl=True, server_hostname=NAME)
            await gone(*made)
    finally:
        truststore.extract_from_ssl()
