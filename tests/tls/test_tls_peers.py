"""Real peers: the openssl command as client and as server, and curl; skipped where they are not installed.

What a peer made of Python's own ssl cannot do is here: renegotiation, key updates, early data, sessions in files.
"""

import asyncio
import contextlib
import shutil
import ssl

import pytest
from helpers import Log, collect_errors, on_loop, until
from tls_support import NAME, Echo, gone, serving, story

openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="there is no openssl command")
curl = pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
PATIENCE = 20


class Program:
    """A child process, talked to line by line; `said` is all that it printed so far."""

    def __init__(self, process):
        self.process, self.said = process, ""

    async def say(self, text):
        self.process.stdin.write(text.encode())
        await self.process.stdin.drain()

    async def until(self, *texts, count=1):
        """Wait until one of the texts was printed that often; returns it."""
        while True:
            for text in texts:
                if self.said.count(text) >= count:
                    return text
            data = await asyncio.wait_for(self.process.stdout.read(1 << 16), PATIENCE)
            assert data, f"waiting for {texts}, the program ended with: {self.said}"
            self.said += data.decode(errors="replace")

    async def end(self):
        """Close its standard input, and wait; returns its exit status."""
        self.process.stdin.close()
        self.said += (await asyncio.wait_for(self.process.stdout.read(), PATIENCE)).decode(errors="replace")
        return await self.process.wait()


@contextlib.asynccontextmanager
async def running(*command):
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )
    try:
        yield Program(process)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        process.stdin.close()
        await process.wait()
        await process.stdout.read()


def flag(version):
    return "-tls1_2" if version == ssl.TLSVersion.TLSv1_2 else "-tls1_3"


# openssl s_client


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
            for word in ("hello\n", "world\n"):
                await client.say(word)
                await client.until(word)
            await client.say("Q\n")
            await client.end()
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
            await client.say("hello\n")
            await client.until("hello\n")
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
            await client.say("hello\n")
            await client.until("hello\n")
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
            await client.say("hello\n")
            await client.until("hello\n")
            for round in range(3):
                await client.say("R\n")
                await client.until("verify return:1", count=2 * (round + 2))
                await client.say(f"again{round}\n")
                await client.until(f"again{round}\n")
        await made[0].closed
        assert bytes(made[0].data) == b"hello\nagain0\nagain1\nagain2\n"


@openssl
@on_loop
async def test_s_client_updates_its_keys(loop, certificates):
    """TLS 1.3: for itself (k), and asking the server to do so too (K)."""
    async with serving(loop, Echo, ssl=certificates.server_side(version=ssl.TLSVersion.TLSv1_3)) as (address, made):
        async with s_client(certificates, address, "-tls1_3") as client:
            await client.say("hello\n")
            await client.until("hello\n")
            for number, letter in enumerate("kKkK"):
                await client.say(f"{letter}\n")
                await client.until("KEYUPDATE", count=number + 1)
                await client.say(f"more{number}\n")
                await client.until(f"more{number}\n")
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
                await client.say("hello\n")
                await client.until("hello\n")
                await client.say("Q\n")
                await client.end()
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
            await client.say("hello\n")
            await client.until("hello\n")
            await client.say("Q\n")
            await client.end()
        more = ["-sess_in", session, "-early_data", early]
        async with s_client(certificates, address, "-tls1_3", *more) as client:
            await client.say("hello\n")
            await client.until("hello\n")
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
            await client.say(line)
            await client.until(line)
        await made[0].closed
        assert len(made[0].data) == 8001


# openssl s_server


@contextlib.asynccontextmanager
async def s_server(certificates, *arguments, leaf="server"):
    """A server and its address."""
    own = ["-cert", getattr(certificates, leaf), "-key", getattr(certificates, leaf)]
    chain = ["-cert_chain", getattr(certificates, leaf)]
    async with running("openssl", "s_server", "-accept", "127.0.0.1:0", *own, *chain, *arguments) as server:
        await server.until("ACCEPT ")
        while "\n" not in server.said.partition("ACCEPT ")[2]:
            await server.until("\n", count=server.said.count("\n") + 1)
        host, _, port = server.said.partition("ACCEPT ")[2].split()[0].rpartition(":")
        yield server, (host, int(port))


@contextlib.asynccontextmanager
async def connected(loop, address, context, factory=Log):
    _, near = await loop.create_connection(factory, *address, ssl=context, server_hostname=NAME)
    try:
        yield near
    finally:
        await gone(near)


async def command(server, near, letter):
    """Have s_server obey. It drops what it reads along with a command, and tells with its next words that it obeyed."""
    obeyed = server.said.count("SSL_do_handshake -> ")
    await server.say(f"{letter}\n")
    while server.said.count("SSL_do_handshake -> ") == obeyed:
        pokes = server.said.count("poke")
        near.transport.write(b"poke\n")
        await server.until("poke", count=pokes + 1)


@openssl
@on_loop
async def test_s_server(loop, certificates, version):
    """-rev answers every line in reverse."""
    context = certificates.client_side(version=version)
    async with s_server(certificates, flag(version), "-rev") as (_, address), connected(loop, address, context) as near:
        for line in (b"hello\n", b"x" * 5000 + b"y\n"):
            near.data.clear()
            near.transport.write(line)
            await until(lambda line=line: len(near.data) == len(line))
            assert bytes(near.data) == line[-2::-1] + b"\n"
        near.transport.close()
        assert await near.closed is None


@openssl
@on_loop
async def test_s_server_closes(loop, certificates, version):
    context = certificates.client_side(version=version)
    async with s_server(certificates, flag(version)) as (server, address), connected(loop, address, context) as near:
        near.transport.write(b"hello\n")
        await server.until("hello")
        await server.say("bye\n")
        await until(lambda: near.data == b"bye\n")
        await server.say("q\n")  # close_notify, and the end of the connection
        assert await near.closed is None
        assert story(near) == ["made", "data", "eof", "lost"]


@openssl
@on_loop
async def test_s_server_dies(loop, certificates, version):
    """Killed: the kernel ends the stream, or resets it; no close_notify."""
    context = certificates.client_side(version=version)
    async with s_server(certificates, flag(version)) as (server, address), connected(loop, address, context) as near:
        near.transport.write(b"hello\n")
        await server.until("hello")
        server.process.kill()
        assert isinstance(await near.closed, (ConnectionError, type(None)))


@openssl
@on_loop
async def test_s_server_renegotiates(loop, certificates):
    """TLS 1.2: the server asks, the client obliges, in between and under data."""
    context = certificates.client_side(version=ssl.TLSVersion.TLSv1_2)
    async with s_server(certificates, "-tls1_2") as (server, address), connected(loop, address, context) as near:
        near.transport.write(b"hello\n")
        await server.until("hello")
        for number in range(3):
            await command(server, near, "r")
            await server.say(f"after{number}\n")
            await until(lambda number=number: near.data.endswith(b"after%d\n" % number))
            near.transport.write(b"reply%d\n" % number)
            await server.until(f"reply{number}")


@openssl
@on_loop
async def test_s_server_may_not_renegotiate(loop, certificates):
    """OP_NO_RENEGOTIATION of the client's context: the server is told no, and leaves: it must have had a reason."""
    context = certificates.client_side(version=ssl.TLSVersion.TLSv1_2)
    context.options |= ssl.OP_NO_RENEGOTIATION
    async with s_server(certificates, "-tls1_2") as (server, address), connected(loop, address, context) as near:
        near.transport.write(b"hello\n")
        await server.until("hello")
        await server.say("r\n")
        error = await near.closed
        assert error is None or error.reason == "SSLV3_ALERT_HANDSHAKE_FAILURE"


@openssl
@on_loop
async def test_s_server_asks_for_a_certificate_by_renegotiating(loop, certificates):
    """As web servers do it for one folder: R asks for one with TLS 1.2."""
    context = certificates.client_side("client", ssl.TLSVersion.TLSv1_2)
    options = ["-tls1_2", "-CAfile", certificates.authority]
    async with s_server(certificates, *options) as (server, address), connected(loop, address, context) as near:
        near.transport.write(b"hello\n")
        await server.until("hello")
        await command(server, near, "R")
        await server.say("after\n")
        await until(lambda: near.data == b"after\n")
        near.transport.write(b"reply\n")
        await server.until("reply")


@openssl
@on_loop
async def test_s_server_updates_its_keys(loop, certificates):
    context = certificates.client_side(version=ssl.TLSVersion.TLSv1_3)
    async with s_server(certificates, "-tls1_3") as (server, address), connected(loop, address, context) as near:
        near.transport.write(b"hello\n")
        await server.until("hello")
        for number, letter in enumerate("kKkK"):
            await command(server, near, letter)
            await server.say(f"after{number}\n")
            await until(lambda number=number: near.data.endswith(b"after%d\n" % number))
            near.transport.write(b"reply%d\n" % number)
            await server.until(f"reply{number}")


@pytest.mark.parametrize("leaf", ["alone", "expired", "elsewhere", "foreign"])
@openssl
@on_loop
async def test_s_server_with_a_bad_certificate(loop, certificates, version, leaf):
    async with s_server(certificates, flag(version), leaf=leaf) as (_, address):
        with pytest.raises(ssl.SSLCertVerificationError):
            await loop.create_connection(
                Log, *address, ssl=certificates.client_side(version=version), server_hostname=NAME
            )


@openssl
@on_loop
async def test_s_server_wants_a_certificate(loop, certificates, version):
    wants = ["-Verify", "1", "-verify_return_error", "-CAfile", certificates.authority, "-rev", flag(version)]
    async with s_server(certificates, *wants) as (_, address):
        async with connected(loop, address, certificates.client_side("client", version)) as near:
            near.transport.write(b"ab\n")
            await until(lambda: near.data == b"ba\n")
        try:
            async with connected(loop, address, certificates.client_side(version=version)) as near:
                assert isinstance(await near.closed, (ssl.SSLError, ConnectionError))  # TLS 1.3: after the handshake
        except (ssl.SSLError, ConnectionError):
            assert version == ssl.TLSVersion.TLSv1_2


# curl


class Web(Log):
    """As much of HTTP as curl needs: an answer of a length to each request, after its body."""

    def data_received(self, data):
        super().data_received(data)
        head, separator, body = bytes(self.data).partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
        if b"expect: 100-continue" in head.lower() and separator and not body:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if separator and len(body) >= length:
            size = int(head.split()[1].strip(b"/") or 0)
            self.transport.write(b"HTTP/1.1 200 OK\r\nX-Got: %d\r\nContent-Length: %d\r\n\r\n" % (len(body), size))
            self.transport.write(bytes(size))
            self.data.clear()


async def fetch(certificates, address, path, *arguments):
    """What curl says, and its exit status."""
    url = f"https://{NAME}:{address[1]}/{path}"
    where = ["--connect-to", f"{NAME}:{address[1]}:127.0.0.1:{address[1]}", "--noproxy", "*"]
    async with running("curl", "-sS", "-i", "--max-time", PATIENCE, *where, *arguments, url) as program:
        status = await program.end()
        return status, program.said


@curl
@on_loop
async def test_curl(loop, certificates, version, tmp_path):
    number = version.name[-1]
    limits = ["--cacert", certificates.authority, f"--tlsv1.{number}", "--tls-max", f"1.{number}"]
    upload = tmp_path / "upload"
    upload.write_bytes(bytes(3_000_000))
    async with serving(loop, Web, ssl=certificates.server_side(version=version)) as (address, made):
        status, said = await fetch(certificates, address, "2000000", *limits)
        assert status == 0 and "200 OK" in said and said.endswith("\0" * 2_000_000)
        status, said = await fetch(certificates, address, "0", *limits, "-T", upload)
        assert status == 0 and "X-Got: 3000000" in said
        for log in made:
            assert await log.closed is None


@curl
@on_loop
async def test_curl_asks_for_alpn(loop, certificates):
    server_side = certificates.server_side()
    server_side.set_alpn_protocols(["http/1.1"])
    async with serving(loop, Web, ssl=server_side) as (address, made):
        agreed = []
        made_before = Web.connection_made

        def note(self, transport):
            made_before(self, transport)
            agreed.append(transport.get_extra_info("ssl_object").selected_alpn_protocol())

        Web.connection_made = note
        try:
            status, said = await fetch(certificates, address, "10", "--cacert", certificates.authority)
        finally:
            Web.connection_made = made_before
        assert (status, agreed) == (0, ["http/1.1"]) and "200 OK" in said
        await made[0].closed


REFUSED = (35, 52, 55, 56)  # an error in the handshake, no answer, an error in sending or receiving


@curl
@on_loop
async def test_curl_with_certificates(loop, certificates):
    """60 is curl's status for a server that it does not trust; one that does not trust curl may or may not say why."""
    server_side = certificates.server_side()
    server_side.load_verify_locations(certificates.authority)
    server_side.verify_mode = ssl.CERT_REQUIRED
    trust = ["--cacert", certificates.authority]
    errors = collect_errors(loop)
    async with serving(loop, Web, ssl=server_side) as (address, made):
        assert (await fetch(certificates, address, "10", *trust, "--cert", certificates.client))[0] == 0
        assert (await fetch(certificates, address, "10", *trust))[0] in REFUSED
        assert (await fetch(certificates, address, "10", *trust, "--cert", certificates.foreign))[0] in REFUSED
        assert (await fetch(certificates, address, "10", "--cert", certificates.client))[0] == 60
        await gone(*made)
    for leaf in ("expired", "alone", "elsewhere"):
        async with serving(loop, Web, ssl=certificates.server_side(leaf)) as (address, made):
            assert (await fetch(certificates, address, "10", *trust))[0] == 60
            await gone(*made)
    assert errors == []
