"""A server on the loop, and curl as its client."""

import ssl

from helpers import Log, collect_errors, on_loop
from tls_programs import PATIENCE, curl, running
from tls_support import NAME, gone, serving


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
