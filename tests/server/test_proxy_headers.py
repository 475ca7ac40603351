"""Whose X-Forwarded-For counts, and what comes out: a table beside uvicorn's own middleware, which is the oracle."""

import itertools

import pytest
from ferrio.server.proxy_headers import ProxyHeadersMiddleware, TrustedHosts, host_and_port
from server_support import run

TRUSTED = [
    "127.0.0.1",
    "127.0.0.1,::1",
    ["10.0.0.0/8", "fe80::/10", "192.168.1.1"],
    "10.0.0.1/8",  # host bits are set: a text, no network
    "*",
    ["*"],
    "*, 127.0.0.1",
    "/run/app.sock, 2001:db8::1",
    [],
]
PEERS = [None, "", "127.0.0.1", "::1", "10.200.3.4", "10.0.0.1/8", "fe80::1", "2001:DB8::1", "/run/app.sock", "x" * 300]
FORWARDED = [
    [],
    [b""],
    [b"1.2.3.4"],
    [b"1.2.3.4, 10.9.9.9"],
    [b"1.2.3.4", b"10.9.9.9,127.0.0.1"],
    [b"127.0.0.1, ::1"],
    [b"1.2.3.4:80, 127.0.0.1:99999"],
    [b"[2001:db8::5]:443"],
    [b"[2001:db8::5]"],
    [b"[2001:db8::5"],
    [b"[2001:db8::5]x"],
    [b"[2001:db8::5]:x"],
    [b"name:x"],
    [b"nobody\xff"],
]
PROTOCOLS = [[], [b"https"], [b"wss"], [b"http", b"https "], [b"ftp"]]


def scope_of(kind, peer, forwarded, protocols):
    headers = [(b"host", b"example"), *((b"x-forwarded-for", each) for each in forwarded)]
    headers += [(b"x-forwarded-proto", each) for each in protocols]
    client = None if peer is None else (peer, 1234)
    return {"type": kind, "scheme": "http" if kind == "http" else "ws", "client": client, "headers": headers}


async def seen_by(middleware, scope):
    await middleware(scope, None, None)
    return scope["client"], scope["scheme"]


async def nothing(scope, receive, send):
    return


@pytest.mark.parametrize("trusted", TRUSTED, ids=str)
def test_the_same_as_uvicorn(trusted):
    theirs = pytest.importorskip("uvicorn.middleware.proxy_headers").ProxyHeadersMiddleware(nothing, trusted)
    ours = ProxyHeadersMiddleware(nothing, trusted)

    async def main():
        for values in itertools.product(("http", "websocket"), PEERS, FORWARDED, PROTOCOLS):
            expected = await seen_by(theirs, scope_of(*values))
            assert await seen_by(ours, scope_of(*values)) == expected, values

    run(main())


def test_networks_addresses_and_texts():
    trusted = TrustedHosts("10.0.0.0/8, ::1, /run/app.sock")
    assert "10.1.2.3" in trusted and "0:0::1" in trusted and "/run/app.sock" in trusted
    assert "11.1.2.3" not in trusted and None not in trusted and "" not in trusted
    assert trusted.client_of("1.1.1.1, 2.2.2.2, 10.0.0.1") == ("2.2.2.2", 0)
    assert TrustedHosts("*").client_of("1.1.1.1:5, 2.2.2.2") == ("1.1.1.1", 5)


def test_hosts_and_ports():
    assert host_and_port("[::1]:8000") == ("::1", 8000)
    assert host_and_port("1.2.3.4:8000") == ("1.2.3.4", 8000)
    assert host_and_port("::1") == ("::1", 0)
    assert host_and_port("1.2.3.4:many") == ("1.2.3.4:many", 0)


def test_a_lifespan_is_left_alone():
    scope = {"type": "lifespan"}
    run(ProxyHeadersMiddleware(nothing, "*")(scope, None, None))
    assert scope == {"type": "lifespan"}
