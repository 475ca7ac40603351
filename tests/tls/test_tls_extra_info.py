"""What a TLS transport tells of itself, and what it lets be done: information, limits, protocols, pausing."""

import socket
import ssl

import pytest
from helpers import Log, on_loop, until
from tls_support import NAME, Echo, answered, linked, same

TLS_INFO = ("cipher", "compression", "peercert", "ssl_object", "sslcontext")


@on_loop
async def test_names(loop, certificates, version):
    contexts = certificates.both_sides(version)
    async with linked(loop, contexts, server=Echo) as (near, far):
        for end, other, context in ((near, far, contexts[1]), (far, near, contexts[0])):
            info = end.transport.get_extra_info
            tls = info("ssl_object")
            assert isinstance(tls, ssl.SSLObject) and not isinstance(tls, ssl.SSLSocket)
            assert info("sslcontext") is context and tls.context is context
            assert tls.server_side is (end is far)
            assert info("cipher") == tls.cipher() == other.transport.get_extra_info("cipher")
            assert info("compression") is None
            assert info("peercert") == tls.getpeercert()
            assert tls.version() == version.name.replace("_", ".")
            assert info("sockname") == other.transport.get_extra_info("peername")
            assert info("socket").family == socket.AF_INET
            assert info("nothing") is None and info("nothing", 7) == 7
        assert near.transport.get_extra_info("ssl_object").server_hostname == NAME
        assert ("DNS", NAME) in near.transport.get_extra_info("peercert")["subjectAltName"]


def test_unverified_peers(certificates):
    """Without verification the certificate is an empty dictionary, as ssl has it."""

    async def scenario(loop):
        client_side = certificates.client_side()
        client_side.check_hostname, client_side.verify_mode = False, ssl.CERT_NONE
        async with linked(loop, (certificates.server_side(), client_side), server=Echo) as (near, far):
            await answered(near)
            return near.transport.get_extra_info("peercert"), far.transport.get_extra_info("peercert")

    assert same(scenario) == ({}, None)


def test_the_object_can_be_asked(certificates, version):
    """Everything that SSLObject has, on a connection in use, with the same answers."""

    async def scenario(loop):
        async with linked(loop, certificates.both_sides(version), server=Echo) as (near, far):
            await answered(near)
            answers = []
            for end in (near, far):
                tls = end.transport.get_extra_info("ssl_object")
                binding = tls.get_channel_binding("tls-unique")
                answers += [tls.version(), tls.cipher(), tls.compression(), tls.shared_ciphers() is not None]
                answers += [tls.selected_alpn_protocol(), tls.session_reused, tls.pending(), tls.server_hostname]
                answers += [len(binding) > 8 if binding else binding, len(tls.getpeercert(True) or b"") > 100]
            bindings = {end.transport.get_extra_info("ssl_object").get_channel_binding() for end in (near, far)}
            return [*answers, len(bindings)]

    assert same(scenario)[0] == version.name.replace("_", ".")


def test_repr(certificates):
    """Nothing raises, before, in and after the connection."""

    async def scenario(loop):
        async with linked(loop, certificates.both_sides(), server=Echo) as (near, _):
            await answered(near)
            first = repr(near.transport)
            near.transport.close()
            await near.closed
            return bool(first), bool(repr(near.transport))

    assert same(scenario) == (True, True)


@on_loop
async def test_limits(loop, certificates):
    """Write buffer limits: TLS has larger ones by default, and both can be set."""
    async with linked(loop, certificates.both_sides(), server=Echo) as (near, _):
        transport = near.transport
        assert transport.get_write_buffer_limits() == (128 * 1024, 512 * 1024)
        transport.set_write_buffer_limits(high=1000)
        assert transport.get_write_buffer_limits() == (250, 1000)
        transport.set_write_buffer_limits(high=1000, low=10)
        assert transport.get_write_buffer_limits() == (10, 1000)
        transport.set_write_buffer_limits()
        assert transport.get_write_buffer_limits() == (128 * 1024, 512 * 1024)
        with pytest.raises(ValueError, match=r"^high \(10\) must be >= low \(1000\) must be >= 0$"):
            transport.set_write_buffer_limits(high=10, low=1000)
        assert transport.get_write_buffer_size() == 0
        await answered(near)


@on_loop
async def test_protocols(loop, certificates):
    """A protocol may be replaced, and the next data is its."""
    async with linked(loop, certificates.both_sides(), server=Echo) as (near, far):
        assert near.transport.get_protocol() is near and far.transport.get_protocol() is far
        await answered(near)
        after = Log()
        after.transport = near.transport
        near.transport.set_protocol(after)
        assert near.transport.get_protocol() is after
        after.transport.write(b"more")
        await until(lambda: after.data == b"more")
        after.transport.close()
        assert await after.closed is None
        assert "lost" not in near.events
        near.closed.set_result(None)


@on_loop
async def test_pausing(loop, certificates):
    async with linked(loop, certificates.both_sides(), server=Echo) as (near, _):
        transport = near.transport
        assert transport.is_reading() is True
        transport.pause_reading()
        assert transport.is_reading() is False
        transport.pause_reading()
        transport.resume_reading()
        transport.resume_reading()
        assert transport.is_reading() is True
        await answered(near)


@on_loop
async def test_after_the_end(loop, certificates):
    """What may be asked of a closed transport still answers, or is None; nothing raises."""
    async with linked(loop, certificates.both_sides(), server=Echo) as (near, far):
        await answered(near)
        near.transport.close()
        await near.closed
        await far.closed
        assert near.transport.is_closing()
        assert near.transport.get_extra_info("nothing", 7) == 7
        near.transport.get_extra_info("sslcontext")
        near.transport.get_extra_info("ssl_object")
        near.transport.get_extra_info("peername")
        near.transport.close()
        near.transport.abort()


def test_wrong_data(certificates):
    async def scenario(loop, wrong):
        async with linked(loop, certificates.both_sides(), server=Echo) as (near, _):
            with pytest.raises(TypeError) as caught:
                near.transport.write(wrong)
            await answered(near)
            return str(caught.value)

    for wrong, kind in (("text", "str"), (None, "NoneType"), (7, "int")):
        assert same(scenario, wrong) == f"data: expecting a bytes-like instance, got {kind}"


@on_loop
async def test_whoever_shuts_the_socket_down_does_so_after_what_was_written(loop, certificates, version):
    class Answers(Log):
        def data_received(self, data):
            super().data_received(data)
            self.transport.write(b"head ")
            self.transport.write(b"body ")
            if len(self.data) == 3:
                self.transport.get_extra_info("socket").shutdown(socket.SHUT_WR)

    async with linked(loop, certificates.both_sides(version), server=Answers) as (near, _):
        for count in range(1, 4):
            near.transport.write(b"x")
            await until(lambda count=count: near.data == b"head body " * count)
