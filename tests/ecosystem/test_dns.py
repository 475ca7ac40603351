"""dnspython and aiodns, against a name server of the test's own."""

import asyncio
import contextlib

import pytest

message = pytest.importorskip("dns.message", reason="dnspython is not installed: make ecosystem")
asyncresolver = pytest.importorskip("dns.asyncresolver")
flags = pytest.importorskip("dns.flags")
rrset = pytest.importorskip("dns.rrset")


class NameServer(asyncio.DatagramProtocol):
    """Answers hosts called n<number>.test with 192.0.2.<number>, and nothing else."""

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        query = message.from_wire(data)
        reply = message.make_response(query, recursion_available=True)
        name = query.question[0].name
        host, *domain = name.labels
        if domain[:1] == [b"test"] and host.startswith(b"n"):
            reply.answer.append(rrset.from_text(name, 60, "IN", "A", f"192.0.2.{host[1:].decode()}"))
        else:
            reply.set_rcode(3)
        self.transport.sendto(reply.to_wire(), address)


@contextlib.asynccontextmanager
async def name_server():
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()
        await asyncio.sleep(0)


def test_dnspython(run):
    async def case():
        async with name_server() as port:
            resolver = asyncresolver.Resolver(configure=False)
            resolver.nameservers, resolver.port = ["127.0.0.1"], port
            answers = await asyncio.gather(*[resolver.resolve(f"n{i}.test.", "A") for i in range(100)])
            assert [answer[0].address for answer in answers] == [f"192.0.2.{i}" for i in range(100)]
            with pytest.raises(pytest.importorskip("dns.resolver").NXDOMAIN):
                await resolver.resolve("other.test.", "A")

    run(case())


def test_aiodns(closes_later, run):
    aiodns = pytest.importorskip("aiodns", reason="aiodns is not installed: make ecosystem")

    async def case():
        async with name_server() as port:
            resolver = aiodns.DNSResolver(["127.0.0.1"], udp_port=port, tcp_port=port, tries=1)
            answers = await asyncio.gather(*[resolver.query_dns(f"n{i}.test", "A") for i in range(100)])
            assert [answer.answer[0].data.addr for answer in answers] == [f"192.0.2.{i}" for i in range(100)]
            with pytest.raises(aiodns.error.DNSError):
                await resolver.query_dns("other.test", "A")
            await resolver.close()

    run(case())
