"""Mutual authentication: who must show a certificate, who may, who shows a bad one, and who is asked later."""

import ssl

import pytest
from helpers import on_loop, until
from tls_support import Echo, Peer, against_client, against_server, answered, linked, same


def demanding(certificates, version, mode=ssl.CERT_REQUIRED):
    server_side = certificates.server_side(version=version)
    server_side.load_verify_locations(certificates.authority)
    server_side.verify_mode = mode
    return server_side


@on_loop
async def test_both_know_the_other(loop, certificates, version):
    contexts = demanding(certificates, version), certificates.client_side("client", version)
    async with linked(loop, contexts, server=Echo) as (near, far):
        await answered(near)
        subject = dict(pair for (pair,) in far.transport.get_extra_info("peercert")["subject"])
        assert subject["commonName"] == "client"
        assert ("DNS", "localhost") in near.transport.get_extra_info("peercert")["subjectAltName"]


@pytest.mark.parametrize("leaf", [None, "client"])
@on_loop
async def test_one_that_is_welcome_but_not_needed(loop, certificates, version, leaf):
    contexts = demanding(certificates, version, ssl.CERT_OPTIONAL), certificates.client_side(leaf, version)
    async with linked(loop, contexts, server=Echo) as (near, far):
        await answered(near)
        assert bool(far.transport.get_extra_info("peercert")) == bool(leaf)


async def visit(peer):
    """A client's part: the handshake, a word, and what the server has to say to it. An error is one outcome."""
    try:
        await peer.handshake()
        await peer.write(b"hello")
        return await peer.read()
    except ssl.SSLError as error:
        return error.reason
    except ConnectionError:
        return "gone"  # a reset, when the server left with bytes of the client's unread


REFUSED = {
    None: "PEER_DID_NOT_RETURN_A_CERTIFICATE",
    "foreign": "unable to get local issuer certificate",
    "expired": "certificate has expired",
    "alone": "self-signed certificate",
}


@pytest.mark.parametrize("leaf", REFUSED)
def test_a_server_refuses(certificates, version, leaf):
    """Its protocol hears nothing, nothing is reported, and the client is sent away."""
    server_side = demanding(certificates, version)

    async def play(loop, sock):
        said = await visit(Peer(loop, sock, certificates.client_side(leaf, version)))
        assert said != b"hello"

    assert same(against_server, server_side, play, Echo) == ([], b"", None, None, [])


@pytest.mark.parametrize("leaf", REFUSED)
def test_what_debug_mode_logs_of_it(certificates, version, leaf, caplog):
    """The reason, at the level of debugging, with its traceback."""
    caplog.set_level("DEBUG", "asyncio")

    async def play(loop, sock):
        loop.set_debug(True)
        await visit(Peer(loop, sock, certificates.client_side(leaf, version)))

    async def scenario(loop):
        caplog.clear()
        await against_server(loop, demanding(certificates, version), play, Echo)
        logged = [record for record in caplog.records if "SSL handshake failed" in record.getMessage()]
        return [(record.levelname, record.exc_info[0].__name__) for record in logged]

    kind = "SSLError" if leaf is None else "SSLCertVerificationError"
    assert same(scenario) == [("DEBUG", kind)]


@pytest.mark.parametrize("leaf", REFUSED)
def test_a_client_that_is_refused(certificates, version, leaf):
    """In TLS 1.2 the handshake fails; in 1.3 the client is through with it, and loses the connection then."""
    server_side = demanding(certificates, version)

    async def play(loop, sock):
        peer = Peer(loop, sock, server_side, server_side=True)
        with pytest.raises(ssl.SSLError):
            await peer.handshake()

    result = same(against_client, certificates.client_side(leaf, version), play)
    if version == ssl.TLSVersion.TLSv1_2:
        (kind, _, details), events, reports = result
        assert events == []
    else:
        events, data, (kind, _, details), reports = result
        assert (events, data) == (["made", "lost"], b"")
    assert kind == "SSLError" and "ALERT" in details["reason"] and reports == []


@on_loop
async def test_asked_after_the_handshake(loop, certificates):
    """TLS 1.3's post-handshake authentication: the server asks when a resource needs it."""
    version = ssl.TLSVersion.TLSv1_3
    server_side, client_side = demanding(certificates, version), certificates.client_side("client", version)
    server_side.post_handshake_auth = client_side.post_handshake_auth = True

    class Asks(Echo):
        def data_received(self, data):
            tls = self.transport.get_extra_info("ssl_object")
            if data == b"private":
                self.before = tls.getpeercert()
                tls.verify_client_post_handshake()
            self.tls = tls
            super().data_received(data)

    async with linked(loop, (server_side, client_side), server=Asks) as (near, far):
        await answered(near, b"private")
        assert not far.before
        await answered(near, b"more")
        await until(lambda: far.tls.getpeercert())
        assert ("email", "client@example.org") in far.tls.getpeercert()["subjectAltName"]
