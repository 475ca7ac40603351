"""A server on the loop, and `openssl s_client` as its client."""

import ssl

from helpers import collect_errors, on_loop, until
from tls_programs import flag, openssl, running
from tls_support import NAME, Echo, gone, serving, story


def s_client(certificates, address, *arguments):
    command = ["openssl", "s_client", "-connect", f"{address[0]}:{address[1]}", "-servername", NAME]
    trust = ["-CAfile", certificates.authority, "-verify_return_error", "-verify_hostname", NAME]
    return running(*command, *trust, *arguments)


@openssl
@on_loop
async def test_s_client(loop, certificates, version):
    """A conversation and its end."""
    async with serving(loop, Echo, ssl=certificates.server_side(version=version)) as (address, made):
        async with s_client(certificates, address, flag(version)) as client:
            await client.until("Verify return code: 0 (ok)")
            await client.echoes("hello\n", "world\n")
            await client.quit()
        assert await made[0].closed is None
        assert (story(made[0]), bytes(made[0].data)) == (["made", "data", "eof", "lost"], b"hello\nworld\n")


@openssl
@on_loop
async def test_s_client_that_trusts_nobody(loop, certificates, version):
    errors = collect_errors(loop)
    async with serving(loop, Echo, ssl=certificates.server_side("alone", version)) as (address, made):
        async with s_client(certificates, address, flag(version)) as client:
            await client.until("self-signed certificate", "self signed certificate")
            assert await client.end() != 0
        await until(lambda: made)
        await gone(*made)
    assert errors == []


@openssl
@on_loop
async def test_s_client_with_a_certificate(loop, certificates, version):
    server_side = certificates.server_side(version=version)
    server_side.load_verify_locations(certificates.authority)
    server_side.verify_mode = ssl.CERT_REQUIRED
    async with serving(loop, Echo, ssl=server_side) as (address, made):
        shown = ["-cert", certificates.client, "-key", certificates.client]
        async with s_client(certificates, address, flag(version), *shown) as client:
            await client.echoes("hello\n")
            assert ("email", "client@example.org") in made[0].transport.get_extra_info("peercert")["subjectAltName"]
        async with s_client(certificates, address, flag(version)) as client:
            await client.end()
        assert made[1].events == []


@openssl
@on_loop
async def test_s_client_chooses_by_alpn_and_name(loop, certificates):
    server_side, second = certificates.server_side(), certificates.server_side("second")
    for context in (server_side, second):
        context.set_alpn_protocols(["h2", "http/1.1"])
    server_side.sni_callback = lambda tls, name, _: setattr(tls, "context", second if name != NAME else server_side)
    async with serving(loop, Echo, ssl=server_side) as (address, _):
        async with s_client(certificates, address, "-alpn", "spdy/3,h2") as client:
            await client.until("ALPN protocol: h2")
        command = ["openssl", "s_client", "-connect", f"{address[0]}:{address[1]}", "-CAfile", certificates.authority]
        hostname = ["-servername", "second.example", "-verify_hostname", "second.example"]
        async with running(*command, *hostname, "-alpn", "http/1.1") as client:
            await client.until("ALPN protocol: http/1.1")
            await client.until("Verify return code: 0 (ok)")


@openssl
@on_loop
async def test_s_client_renegotiates(loop, certificates):
    """OpenSSL refuses what a client begins, unless told otherwise; the connection ends without a report."""
    errors = collect_errors(loop)
    server_side = certificates.server_side(version=ssl.TLSVersion.TLSv1_2)
    async with serving(loop, Echo, ssl=server_side) as (address, made):
        async with s_client(certificates, address, "-tls1_2") as client:
            await client.echoes("hello\n")
            await client.say("R\n")
            await client.until("RENEGOTIATING")
            await client.until("no renegotiation")
        await made[0].closed
        assert bytes(made[0].data) == b"hello\n"
    assert errors == []


@openssl
@on_loop
async def test_s_client_renegotiates_with_leave(loop, certificates):
    """OP_ALLOW_CLIENT_RENEGOTIATION of OpenSSL 3, by number: Python has no name for it."""
    server_side = certificates.server_side(version=ssl.TLSVersion.TLSv1_2)
    server_side.options |= 1 << 8
    async with serving(loop, Echo, ssl=server_side) as (address, made):
        async with s_client(certificates, address, "-tls1_2") as client:
            await client.echoes("hello\n")
            for round in range(3):
                await client.say("R\n")
                await client.until("verify return:1", count=2 * (round + 2))
                await client.echoes(f"again{round}\n")
        await made[0].closed
        assert bytes(made[0].data) == b"hello\nagain0\nagain1\nagain2\n"


@openssl
@on_loop
async def test_s_client_updates_its_keys(loop, certificates):
    """TLS 1.3: for itself (k), and asking the server to do so too (K)."""
    async with serving(loop, Echo, ssl=certificates.server_side(version=ssl.TLSVersion.TLSv1_3)) as (address, made):
        async with s_client(certificates, address, "-tls1_3") as client:
            await client.echoes("hello\n")
            for number, letter in enumerate("kKkK"):
                await client.say(f"{letter}\n")
                await client.until("KEYUPDATE", count=number + 1)
                await client.echoes(f"more{number}\n")
        await made[0].closed
        assert bytes(made[0].data) == b"hello\nmore0\nmore1\nmore2\nmore3\n"


@openssl
@on_loop
async def test_s_client_resumes_from_a_file(loop, certificates, version, tmp_path):
    file = tmp_path / "session"
    async with serving(loop, Echo, ssl=certificates.server_side(version=version)) as (address, made):
        for _ in range(2):
            more = ["-sess_in", file] if file.exists() else []
            async with s_client(certificates, address, flag(version), "-sess_out", file, *more) as client:
                await client.echoes("hello\n")
                await client.quit()
        assert "Reused, TLSv1" in client.said
        for log in made:
            await log.closed


@openssl
@on_loop
async def test_s_client_offers_early_data(loop, certificates, tmp_path):
    """Python has no early data, so it is not taken; the connection works, and the data is not lost in secret."""
    session, early = tmp_path / "session", tmp_path / "early"
    early.write_text("too early\n")
    async with serving(loop, Echo, ssl=certificates.server_side(version=ssl.TLSVersion.TLSv1_3)) as (address, made):
        async with s_client(certificates, address, "-tls1_3", "-sess_out", session) as client:
            await client.echoes("hello\n")
            await client.quit()
        more = ["-sess_in", session, "-early_data", early]
        async with s_client(certificates, address, "-tls1_3", *more) as client:
            await client.echoes("hello\n")
            await client.until("Early data was rejected", "Early data was not sent", "Cannot send early data")
        await made[1].closed
        assert bytes(made[1].data) == b"hello\n"


@openssl
@on_loop
async def test_s_client_with_small_records(loop, certificates, version):
    """A peer that asks for records of 512 bytes, and sends such."""
    sizes = ["-maxfraglen", "512", "-max_send_frag", "512"]
    async with serving(loop, Echo, ssl=certificates.server_side(version=version)) as (address, made):
        async with s_client(certificates, address, flag(version), *sizes) as client:
            await client.until("Verify return code: 0 (ok)")
            line = "x" * 8000 + "\n"
            await client.echoes(line)
        await made[0].closed
        assert len(made[0].data) == 8001
