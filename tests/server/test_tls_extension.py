"""What scopes say of TLS: ASGI's extension, with and without a client's certificate."""

import asyncio
import json
import shutil
import ssl
import subprocess

import pytest
from server_support import run, serving

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")


async def tells_tls(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("no lifespan")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(scope["extensions"]["tls"]).encode()})


@pytest.fixture
def files(tmp_path):
    """Certificates of a server and of a client; the server's file has its key in front."""
    for name, subject in (("server", "/CN=localhost"), ("client", "/C=DE/O=Acme, Inc/CN=client")):
        key, certificate = tmp_path / f"{name}.key", tmp_path / f"{name}.pem"
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        command += ["-days", "2", "-keyout"]
        subprocess.run([*command, key, "-out", certificate, "-subj", subject], check=True, capture_output=True)
    (tmp_path / "both.pem").write_text((tmp_path / "server.key").read_text() + (tmp_path / "server.pem").read_text())
    return tmp_path


async def told(port, context):
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return json.loads(answer.partition(b"\r\n\r\n")[2]), writer.get_extra_info("cipher")


def ask_server(files, with_certificate):
    async def main():
        options = {"ssl_certfile": files / "both.pem", "ssl_ca_certs": files / "client.pem", "ssl_cert_reqs": 1}
        async with serving(tells_tls, lifespan="off", **options) as port:
            context = ssl.create_default_context(cafile=files / "server.pem")
            context.check_hostname = False
            if with_certificate:
                context.load_cert_chain(files / "client.pem", files / "client.key")
            return await told(port, context)

    return run(main())


def test_a_client_with_a_certificate_is_named(files):
    tls, _ = ask_server(files, True)
    assert tls["client_cert_name"] == r"CN=client,O=Acme\, Inc,C=DE"
    assert tls["client_cert_chain"][0].split() == (files / "client.pem").read_text().split()


def test_of_the_servers_file_only_the_certificate_is_shown(files):
    tls, cipher = ask_server(files, False)
    assert tls["server_cert"].split() == (files / "server.pem").read_text().split()
    assert (tls["client_cert_chain"], tls["client_cert_name"], tls["client_cert_error"]) == ([], None, None)
    assert (tls["tls_version"], cipher[1]) == (0x0304, "TLSv1.3")
    suites = {
        "TLS_AES_128_GCM_SHA256": 0x1301,
        "TLS_AES_256_GCM_SHA384": 0x1302,
        "TLS_CHACHA20_POLY1305_SHA256": 0x1303,
    }
    assert tls["cipher_suite"] == suites[cipher[0]]
