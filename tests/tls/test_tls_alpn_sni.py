"""ALPN and SNI: what is agreed on, what the callback is told, and what it may do: swap the context, refuse, fail."""

import ssl

import pytest
from helpers import Log, on_loop, until
from tls_support import NAME, Echo, Peer, against_server, answered, gone, linked, same, serving


def agreed(*ends):
    return [end.transport.get_extra_info("ssl_object").selected_alpn_protocol() for end in ends]


@pytest.mark.parametrize(
    ("at_server", "at_client", "expected"),
    [
        (["h2", "http/1.1"], ["h2", "http/1.1"], "h2"),
        (["h2", "http/1.1"], ["http/1.1"], "http/1.1"),
        (["http/1.1", "h2"], ["h2", "http/1.1"], "http/1.1"),
        (["h2"], ["spdy/3"], None),
        (["h2"], None, None),
        (None, ["h2"], None),
    ],
)
@on_loop
async def test_alpn(loop, certificates, version, at_server, at_client, expected):
    contexts = certificates.both_sides(version)
    for context, offered in zip(contexts, (at_server, at_client), strict=True):
        if offered is not None:
            context.set_alpn_protocols(offered)
    async with linked(loop, contexts, server=Echo) as (near, far):
        await answered(near)
        assert agreed(near, far) == [expected, expected]


@on_loop
async def test_alpn_is_known_in_connection_made(loop, certificates):
    """Where a server of HTTP decides which protocol to speak."""
    seen = []

    class Decides(Log):
        def connection_made(self, transport):
            super().connection_made(transport)
            seen.append(transport.get_extra_info("ssl_object").selected_alpn_protocol())
            transport.write(b"hello")

    contexts = certificates.both_sides()
    for context in contexts:
        context.set_alpn_protocols(["h2", "http/1.1"])
    async with linked(loop, contexts, server=Decides, client=Decides) as (near, far):
        await until(lambda: near.data == far.data == b"hello")
    assert seen == ["h2", "h2"]


@on_loop
async def test_sni_swaps_the_context(loop, certificates, version):
    """One server, two names, two certificates; the object knows which context it ended up with."""
    first, client_side = certificates.both_sides(version)
    second = certificates.server_side("second", version)
    asked = []

    def choose(tls, name, context):
        asked.append((name, context is first, tls.context is first))
        if name == "second.example":
            tls.context = second

    first.sni_callback = choose
    async with serving(loop, Echo, ssl=first) as (address, made):
        for name in (NAME, "second.example"):
            _, near = await loop.create_connection(Echo, *address, ssl=client_side, server_hostname=name)
            assert ("DNS", name) in near.transport.get_extra_info("peercert")["subjectAltName"]
            near.transport.close()
            assert await near.closed is None
            assert await made[-1].closed is None
        assert asked == [(NAME, True, True), ("second.example", True, True)]


@on_loop
async def test_the_swapped_context_rules(loop, certificates, version):
    """Its ALPN and its demand for a client certificate count, not those of the first."""
    first = certificates.server_side(version=version)
    second = certificates.server_side("second", version)
    second.set_alpn_protocols(["h2"])
    client_side = certificates.client_side(version=version)
    client_side.set_alpn_protocols(["h2", "http/1.1"])
    first.sni_callback = lambda tls, name, context: setattr(tls, "context", second)
    contexts = first, client_side
    async with linked(loop, contexts, server=Echo, server_hostname="second.example") as (near, far):
        await answered(near)
        assert agreed(near, far) == ["h2", "h2"]
        assert far.transport.get_extra_info("ssl_object").context is second
        assert far.transport.get_extra_info("sslcontext") is first


@on_loop
async def test_no_name_is_none(loop, certificates):
    """A client that connects by address sends none; the callback is told so."""
    server_side, client_side = certificates.both_sides()
    asked = []
    server_side.sni_callback = lambda tls, name, context: asked.append((name, isinstance(tls, ssl.SSLObject)))
    async with linked(loop, (server_side, client_side), server=Echo, server_hostname="127.0.0.1") as (near, _):
        await answered(near)
    assert asked == [(None, True)]


REFUSALS = {
    "alert": (lambda *arguments: ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME, None),
    "access": (lambda *arguments: ssl.ALERT_DESCRIPTION_ACCESS_DENIED, None),
    "raises": (lambda *arguments: 1 / 0, "ZeroDivisionError"),
    "nonsense": (lambda *arguments: "what", "TypeError"),
}


@pytest.mark.parametrize("how", REFUSALS)
def test_the_callback_refuses(certificates, version, how, monkeypatch):
    """The handshake fails at both ends; what the callback raised goes to sys.unraisablehook, as from any SSLObject."""
    unraisable = []
    monkeypatch.setattr("sys.unraisablehook", lambda args: unraisable.append(args.exc_type.__name__))
    server_side = certificates.server_side(version=version)
    server_side.sni_callback, raised = REFUSALS[how]

    async def play(loop, sock):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await Peer(loop, sock, certificates.client_side(version=version)).handshake()

    async def scenario(loop):
        unraisable.clear()
        return await against_server(loop, server_side, play), list(unraisable)

    assert same(scenario) == (([], b"", None, None, []), [raised] if raised else [])


@on_loop
async def test_the_callback_may_use_the_loop(loop, certificates):
    """It runs on the loop's thread, inside of it, and may ask about the connection."""
    server_side, client_side = certificates.both_sides()
    seen = []

    def ask(tls, name, context):
        loop.call_soon(seen.append, "soon")
        seen.append((tls.server_side, name, tls.version()))

    server_side.sni_callback = ask
    async with linked(loop, (server_side, client_side), server=Echo) as (near, _):
        await answered(near)
    assert seen[0][:2] == (True, NAME) and seen[1:] == ["soon"]


@on_loop
async def test_a_server_of_many_names(loop, certificates):
    """Connections at once, each with its own name, none mixed up."""
    contexts = {NAME: certificates.server_side(), "second.example": certificates.server_side("second")}
    client_side = certificates.client_side()
    front = certificates.server_side("alone")
    front.sni_callback = lambda tls, name, context: setattr(tls, "context", contexts[name])
    async with serving(loop, Echo, ssl=front) as (address, _):
        for _ in range(10):
            for name in contexts:
                _, near = await loop.create_connection(Echo, *address, ssl=client_side, server_hostname=name)
                await gone(near)
