"""Certificates that are not to be trusted, and what a context may say about that: names, dates, modes, flags, CRLs.

Classes, texts and verify codes of errors are compared with asyncio's.
"""

import ssl

import pytest
from helpers import on_loop, tcp_pair
from tls_support import NAME, Echo, Peer, against_client, against_server, gone, linked, same, serving

BAD = {
    "alone": (18, "self-signed certificate"),
    "foreign": (20, "unable to get local issuer certificate"),
    "expired": (10, "certificate has expired"),
    "early": (9, "certificate is not yet valid"),
    "elsewhere": (62, "Hostname mismatch, certificate is not valid for 'localhost'."),
}


def connecting(certificates, leaf, client_side, **options):
    """What comes of a connection to a server with that certificate; asyncio's and ferrio's agree about it."""
    server_side = certificates.server_side(leaf, client_side.maximum_version)

    async def play(loop, sock):
        peer = Peer(loop, sock, server_side, server_side=True)
        try:
            await peer.handshake()
            await peer.write(b"hello")
            await peer.notify()
        except (ssl.SSLError, ConnectionError):
            pass  # the client may say why it leaves, or just leave

    return same(lambda loop: against_client(loop, client_side, play, **options))


@pytest.mark.parametrize("leaf", BAD)
def test_bad_certificates(certificates, version, leaf):
    error, events, reports = connecting(certificates, leaf, certificates.client_side(version=version))
    kind, text, details = error
    code, message = BAD[leaf]
    if leaf == "early":
        message = details["verify_message"]  # of which releases of OpenSSL have two
        assert message.startswith(BAD[leaf][1])
    assert (kind, details["verify_code"], details["verify_message"]) == ("SSLCertVerificationError", code, message)
    assert text == f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {message}"
    assert (details["reason"], details["library"], events, reports) == ("CERTIFICATE_VERIFY_FAILED", "SSL", [], [])


@pytest.mark.parametrize("leaf", BAD)
def test_none_of_it_matters_to_who_does_not_verify(certificates, version, leaf):
    client_side = certificates.client_side(version=version)
    client_side.check_hostname, client_side.verify_mode = False, ssl.CERT_NONE
    assert connecting(certificates, leaf, client_side) == (["made", "data", "eof", "lost"], b"hello", None, [])


def test_a_name_that_does_not_matter(certificates, version):
    """Verified, but not for whom it is."""
    client_side = certificates.client_side(version=version)
    client_side.check_hostname = False
    assert connecting(certificates, "elsewhere", client_side)[2] is None
    assert connecting(certificates, "elsewhere", client_side, server_hostname="")[2] is None
    assert connecting(certificates, "expired", client_side)[0][0] == "SSLCertVerificationError"


@pytest.mark.parametrize(
    ("name", "good"), [("127.0.0.1", True), ("127.0.0.2", False), ("LOCALHOST", True), ("localhost.", None)]
)
def test_names_and_addresses(certificates, name, good):
    result = connecting(certificates, "server", certificates.client_side(), server_hostname=name)
    if good is None:
        return  # depends on the version of OpenSSL; `same` has compared it
    if good:
        assert result[0] == ["made", "data", "eof", "lost"]
    else:
        assert result[0][2]["verify_message"] == f"IP address mismatch, certificate is not valid for '{name}'."


@pytest.mark.parametrize("name", [".", ".example", "a" * 300, "nul\0l"])
def test_names_that_are_none(certificates, name):
    """What the context refuses is refused before a byte is sent."""

    async def scenario(loop):
        with tcp_pair() as (near, far):
            try:
                await loop.create_connection(Echo, sock=near, ssl=certificates.client_side(), server_hostname=name)
            except (ValueError, TypeError) as error:
                near.close()
                return type(error).__name__, str(error), far.recv(100)

    assert same(scenario)[2] == b""


def test_revocation(certificates, version):
    """A CRL and the flag that asks for it: the revoked one fails, another passes, without the list all fail."""
    client_side = certificates.client_side(version=version)
    assert connecting(certificates, "revoked", client_side)[0] == ["made", "data", "eof", "lost"]
    client_side.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    assert connecting(certificates, "server", client_side)[0][2]["verify_message"] == "unable to get certificate CRL"
    client_side.load_verify_locations(certificates.crl)
    assert connecting(certificates, "revoked", client_side)[0][2]["verify_message"] == "certificate revoked"
    assert connecting(certificates, "server", client_side)[0] == ["made", "data", "eof", "lost"]


def test_verify_flags(certificates, version):
    """VERIFY_X509_STRICT refuses what an ordinary verification lets pass: a leaf without its issuer's identifier."""
    client_side = certificates.client_side(version=version)
    client_side.verify_flags &= ~ssl.VERIFY_X509_STRICT
    assert connecting(certificates, "lax", client_side)[0] == ["made", "data", "eof", "lost"]
    client_side.verify_flags |= ssl.VERIFY_X509_STRICT
    error, *_ = connecting(certificates, "lax", client_side)
    assert error[2]["verify_message"] == "Missing Authority Key Identifier"


def test_partial_chains(certificates):
    """VERIFY_X509_PARTIAL_CHAIN trusts a leaf without its issuer."""
    client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_side.load_verify_locations(certificates.foreign)
    client_side.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    assert connecting(certificates, "foreign", client_side)[0] == ["made", "data", "eof", "lost"]
    client_side.verify_flags &= ~ssl.VERIFY_X509_PARTIAL_CHAIN
    assert connecting(certificates, "foreign", client_side)[0][0] == "SSLCertVerificationError"


def test_a_server_hears_that_it_is_not_trusted(certificates, version):
    """The client's alert ends the handshake of TLS 1.2; in 1.3 the server was through with it before."""
    server_side = certificates.server_side("alone", version)
    client_side = certificates.client_side(version=version)

    async def play(loop, sock):
        with pytest.raises(ssl.SSLCertVerificationError):
            await Peer(loop, sock, client_side).handshake()

    events, data, error, _, reports = same(against_server, server_side, play)
    assert (events, data, error, reports) == ([], b"", None, [])


@on_loop
async def test_failures_do_not_stop_a_server(loop, certificates, version):
    server_side = certificates.server_side(version=version)
    stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_side = certificates.client_side(version=version)
    async with serving(loop, Echo, ssl=server_side) as (address, _):
        for _ in range(5):
            with pytest.raises(ssl.SSLCertVerificationError):
                await loop.create_connection(Echo, *address, ssl=stranger, server_hostname=NAME)
            _, near = await loop.create_connection(Echo, *address, ssl=client_side, server_hostname=NAME)
            await gone(near)


@on_loop
async def test_the_chain_that_was_verified(loop, certificates):
    """The peer's certificate, as a dictionary and in DER."""
    async with linked(loop, certificates.both_sides(), server=Echo) as (near, far):
        tls = near.transport.get_extra_info("ssl_object")
        assert ("DNS", NAME) in tls.getpeercert()["subjectAltName"]
        with open(certificates.server) as file:
            pem = file.read()
        begin = pem.index("-----BEGIN CERTIFICATE")
        leaf = pem[begin : pem.index("-----END CERTIFICATE", begin) + len("-----END CERTIFICATE-----")]
        assert tls.getpeercert(binary_form=True) == ssl.PEM_cert_to_DER_cert(leaf + "\n")
        assert far.transport.get_extra_info("ssl_object").getpeercert() is None
