"""What the tests of TLS share: certificates made on the spot, linked pairs, a peer played by hand, and `same`.

`same(scenario)` runs a scenario on stock asyncio and on ferrio and compares what comes out, exceptions as `describe`
has them. `Peer` is one end of a connection as an SSLObject over memory: the test decides when which bytes travel, so
that it can stop in the middle, cut a record or leave without a word. Nothing here knows how a loop does TLS.
"""

import asyncio
import contextlib
import datetime
import itertools
import os
import re
import socket
import ssl
import stat

import ferrio
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from helpers import Log, until

NAME = "localhost"  # what the server's certificate is for, with 127.0.0.1
NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)
CHUNK = 1 << 16


class Certificates:
    """An authority and what it issued; each name is a file with key and chain.

    Made once a run: `server`, `client`, `second` (for second.example), `elsewhere` (not for localhost), `expired`,
    `early` (not valid yet), `revoked` (in the list `crl`), `alone` (self-signed), `lax` (without the extensions that a
    strict client wants), `foreign` (of an authority nobody trusts).
    """

    def __init__(self, folder):
        self.folder = folder
        authority, stranger = trustme.CA(), trustme.CA()
        self.authority = self.write("authority", authority.cert_pem.bytes())
        self.server = self.issue("server", authority, NAME, "127.0.0.1")
        self.client = self.issue("client", authority, "client@example.org", common_name="client")
        self.second = self.issue("second", authority, "second.example")
        self.elsewhere = self.issue("elsewhere", authority, "elsewhere.example")
        self.expired = self.issue("expired", authority, NAME, not_before=NOW - 9 * DAY, not_after=NOW - DAY)
        self.early = self.issue("early", authority, NAME, not_before=NOW + DAY, not_after=NOW + 9 * DAY)
        self.revoked = self.issue("revoked", authority, NAME)
        self.crl = self.write("crl", revocation_list(authority, self.revoked))
        self.foreign = self.issue("foreign", stranger, NAME)
        self.alone = self.write("alone", plain())
        self.lax = self.write("lax", plain(authority))

    def write(self, name, content):
        path = self.folder / f"{name}.pem"
        path.write_bytes(content)
        return str(path)

    def issue(self, name, authority, *identities, **options):
        leaf = authority.issue_cert(*identities, key_type=trustme.KeyType.ECDSA, **options)
        return self.write(name, leaf.private_key_and_cert_chain_pem.bytes())

    def server_side(self, name="server", version=None, make=ssl.SSLContext):
        """A server's context with that certificate."""
        context = make(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(getattr(self, name))
        return limited(context, version)

    def client_side(self, name=None, version=None, make=ssl.SSLContext):
        """A client's context that trusts the authority, with a certificate of its own if one is named."""
        context = make(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.authority)
        if name:
            context.load_cert_chain(getattr(self, name))
        return limited(context, version)

    def both_sides(self, version=None):
        return self.server_side(version=version), self.client_side(version=version)


def limited(context, version):
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


def revocation_list(authority, path):
    """An authority's list of revoked certificates, with one in it."""
    key = serialization.load_pem_private_key(authority.private_key_pem.bytes(), None)
    issuer = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
    with open(path, "rb") as file:
        serial = x509.load_pem_x509_certificate(file.read()).serial_number
    revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW - DAY).build()
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.subject).add_revoked_certificate(revoked)
    crl = builder.last_update(NOW - DAY).next_update(NOW + DAY).sign(key, hashes.SHA256())
    return crl.public_bytes(serialization.Encoding.PEM)


def plain(authority=None):
    """A certificate with nothing but names: the authority's, or self-signed."""
    own = key = ec.generate_private_key(ec.SECP256R1())
    name = issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    if authority is not None:
        key = serialization.load_pem_private_key(authority.private_key_pem.bytes(), None)
        issuer = x509.load_pem_x509_certificate(authority.cert_pem.bytes()).subject
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(own.public_key())
    builder = builder.serial_number(7).not_valid_before(NOW - DAY).not_valid_after(NOW + DAY)
    certificate = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), False)
    pem = serialization.Encoding.PEM
    secret = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return secret + certificate.sign(key, hashes.SHA256()).public_bytes(pem)


# The same on both


def same(scenario, *arguments):
    """What the coroutine function `scenario(loop, ...)` gives on asyncio's loop; on ferrio's it must give the same."""
    results = [once(module, scenario, arguments) for module in (asyncio, ferrio)]
    assert results[1] == results[0], f"asyncio: {results[0]}, ferrio: {results[1]}"
    return results[0]


def once(module, scenario, arguments):
    loop = module.new_event_loop()
    try:
        return loop.run_until_complete(scenario(loop, *arguments))
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def describe(error):
    """Class, text and the details of an exception; where in CPython's C code it was raised is no part of it."""
    if error is None:
        return None
    names = ("errno", "library", "reason", "verify_code", "verify_message")
    details = {name: getattr(error, name) for name in names if getattr(error, name, None) is not None}
    return type(error).__name__, re.sub(r" \(_ssl\.c:\d+\)", "", str(error)), details


def story(log):
    """The events of a protocol, with several packets in a row told once."""
    return [name for name, _ in itertools.groupby(log.events)]


# Connections


@contextlib.asynccontextmanager
async def serving(loop, factory=Log, **options):
    """A TCP server; gives its address and the list of the protocols it made. All is closed at the end."""
    made = []

    def make():
        made.append(factory())
        return made[-1]

    server = await loop.create_server(make, "127.0.0.1", 0, **options)
    try:
        yield server.sockets[0].getsockname(), made
    finally:
        server.close()
        await gone(*made)
        await server.wait_closed()


async def gone(*protocols):
    """Abort what is open still of those that got a connection, and wait until they know."""
    for protocol in protocols:
        if protocol.events and not protocol.closed.done():
            protocol.transport.abort()
    for protocol in protocols:
        if protocol.events:
            await protocol.closed


@contextlib.asynccontextmanager
async def linked(loop, contexts, *, server=Log, client=Log, at_server=None, **options):
    """A client's protocol and a server's, connected by TLS over TCP."""
    options = {"server_hostname": NAME, **options}
    async with serving(loop, server, ssl=contexts[0], **(at_server or {})) as (address, made):
        _, near = await loop.create_connection(client, *address, ssl=contexts[1], **options)
        try:
            await until(lambda: made and made[0].events)
            yield near, made[0]
        finally:
            await gone(near)


async def answered(near, data=b"ping"):
    """Have the far end echo something, and wait for it: both ends are through with the handshake then."""
    expected = bytes(near.data) + data
    near.transport.write(data)
    await until(lambda: len(near.data) >= len(expected))
    assert bytes(near.data) == expected


class Echo(Log):
    def data_received(self, data):
        super().data_received(data)
        self.transport.write(data)


# A peer by hand


class Peer:
    """One end of a TLS connection that the test moves byte by byte: an SSLObject over memory, on a plain socket."""

    def __init__(self, loop, sock, context, server_side=False):
        self.loop, self.sock = loop, sock
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self.incoming, self.outgoing, server_side=server_side, server_hostname=None if server_side else NAME
        )

    async def step(self, function, *arguments):
        """Call it until it needs no more bytes from the other end."""
        while True:
            try:
                return function(*arguments)
            except ssl.SSLWantReadError:
                await self.flush()
                await self.fill()
            finally:
                await self.flush()

    async def fill(self):
        if data := await self.loop.sock_recv(self.sock, CHUNK):
            self.incoming.write(data)
        else:
            self.incoming.write_eof()

    async def flush(self):
        if data := self.outgoing.read():
            await self.loop.sock_sendall(self.sock, data)

    async def handshake(self):
        await self.step(self.tls.do_handshake)

    async def write(self, data):
        await self.step(self.tls.write, data)

    async def read(self, size=CHUNK):
        """Some bytes; none after the other's close_notify. An end without one is an SSLEOFError."""
        try:
            return await self.step(self.tls.read, size)
        except ssl.SSLZeroReturnError:
            return b""

    async def read_exactly(self, size):
        data = bytearray()
        while len(data) < size:
            chunk = await self.read()
            assert chunk, f"end after {len(data)} of {size} bytes"
            data += chunk
        return bytes(data)

    async def notify(self):
        """Say close_notify, without waiting for the other's."""
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLSyscallError):
            self.tls.unwrap()
        await self.flush()

    def records(self, data):
        """What would be sent for the data, for the test to send as it likes."""
        self.tls.write(data)
        return self.outgoing.read()


def open_sockets():
    """How many this process has; what a server accepted and nobody was told of is among them."""
    count = 0
    for fd in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError):  # the one that listdir itself had open
            count += stat.S_ISSOCK(os.fstat(int(fd)).st_mode)
    return count


async def ended(loop, sock):
    """Wait for the end of the stream, however it comes."""
    with contextlib.suppress(ConnectionError):
        while await loop.sock_recv(sock, CHUNK):
            pass


def reset(sock):
    """Close it so that the other end gets a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()


@contextlib.asynccontextmanager
async def client_of(loop, address):
    """A plain socket that is connected to a server on the loop."""
    with socket.socket() as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, address)
        yield sock


async def against_server(loop, context, script, factory=Log, **options):
    """A server on the loop, a client played by `script(loop, sock)`; the protocol's story, end and reports.

    The script waits for whatever has to happen before the end of the connection; here is waited for that.
    """
    reports = []
    loop.set_exception_handler(lambda loop, context: reports.append((context["message"], str(context["exception"]))))
    async with serving(loop, factory, ssl=context, **options) as (address, made):
        before = open_sockets()
        async with client_of(loop, address) as sock:
            said = await script(loop, sock)
            await until(lambda: made)
            if sock.fileno() >= 0:
                await ended(loop, sock)
        await until(lambda: open_sockets() == before)
        if not made[0].events:
            return [], b"", None, said, reports
        end = describe(await made[0].closed)
        return story(made[0]), bytes(made[0].data), end, said, reports


async def against_client(loop, context, script, factory=Log, **options):
    """A client on the loop, a server played by `script(loop, sock)`: what connecting raised, or how it went on."""
    reports, clients = [], []
    loop.set_exception_handler(lambda loop, context: reports.append((context["message"], str(context["exception"]))))
    options = {"server_hostname": NAME, **options}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)

        async def play():
            sock, _ = await loop.sock_accept(listener)
            with sock:
                await script(loop, sock)
                if sock.fileno() >= 0:
                    await ended(loop, sock)

        def make():
            clients.append(factory())
            return clients[-1]

        playing = loop.create_task(play())
        try:
            await loop.create_connection(make, *listener.getsockname(), ssl=context, **options)
        except (OSError, ValueError) as error:
            return describe(error), story(clients[0]), reports
        else:
            result = describe(await clients[0].closed)
            return story(clients[0]), bytes(clients[0].data), result, reports
        finally:
            await playing
