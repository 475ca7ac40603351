"""Cases for the comparison of clients: the way to a server: addresses, sockets, proxies, tunnels, the environment."""

import contextlib
import os
import socket
import ssl
import tempfile

from client_oracle import case, failed, told
from client_server import Server


def resolving(http, *addresses):
    """A resolver that knows these addresses of every name."""

    class Fixed(http.ThreadedResolver):
        async def resolve(self, host, port=0, family=0):
            rest = {"hostname": host, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
            return [{**rest, "host": address} for address in addresses]

    return Fixed()


@contextlib.contextmanager
def environment(**variables):
    before = dict(os.environ)
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "NETRC"):
        os.environ.pop(name, None)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


async def ask(http, url, connector=None, **options):
    async with http.ClientSession(connector=connector, **options) as own, own.get(url) as response:
        return await told(response)


@case
async def addresses_in_turn(http, session, at):
    connector = http.TCPConnector(resolver=resolving(http, "127.0.0.9", "127.0.0.8", "127.0.0.1"))
    return await ask(http, f"http://several.example:{at.server.port}/echo", connector)


@case
async def addresses_at_once(http, session, at):
    resolver = resolving(http, "127.0.0.9", "127.0.0.1")
    connector = http.TCPConnector(resolver=resolver, happy_eyeballs_delay=0.01, interleave=2)
    return await ask(http, f"http://several.example:{at.server.port}/echo", connector)


@case
async def addresses_that_all_refuse(http, session, at):
    connector = http.TCPConnector(resolver=resolving(http, "127.0.0.9", "127.0.0.8"))
    try:
        await ask(http, "http://several.example:1/", connector)
    except http.ClientConnectorError as error:
        return failed(error)[1], error.host, error.port, error.os_error.errno


@case
async def address_of_ours(http, session, at):
    connector = http.TCPConnector(local_addr=("127.0.0.5", 0))
    async with http.ClientSession(connector=connector) as own:
        response = await own.get(at.url("/slow/body"))
        name = response.connection.transport.get_extra_info("sockname")[0]
        response.close()
        return name


@case
async def address_of_ours_that_is_none(http, session, at):
    try:
        await ask(http, at.url("/echo"), http.TCPConnector(local_addr=("192.0.2.1", 0)))
    except http.ClientConnectorError as error:
        return failed(error)[1]


@case
async def sockets_of_ours(http, session, at):
    made = []

    def make(info):
        made.append((info[0], info[1], info[4][0]))
        return socket.socket(info[0], info[1], info[2])

    result = await ask(http, at.url("/echo"), http.TCPConnector(socket_factory=make))
    return result, made


@case
async def family_that_has_none(http, session, at):
    connector = http.TCPConnector(resolver=resolving(http, "127.0.0.1"), family=socket.AF_INET)
    return await ask(http, f"http://several.example:{at.server.port}/echo", connector)


@case
async def names_are_forgotten(http, session, at):
    connector = http.TCPConnector(resolver=resolving(http, "127.0.0.1"))
    results = [connector.use_dns_cache, connector.family]
    async with http.ClientSession(connector=connector) as own:
        async with own.get(f"http://several.example:{at.server.port}/echo"):
            pass
        connector.clear_dns_cache()
        connector.clear_dns_cache("several.example", at.server.port)
        try:
            connector.clear_dns_cache("several.example")
        except ValueError as error:
            results.append(failed(error))
    return results


@case
async def proxy_of_the_environment(http, session, at):
    results = []
    with environment(http_proxy=at.url("/").replace("http://", "http://u:p@"), no_proxy="direct.example"):
        async with http.ClientSession(trust_env=True) as own:
            async with own.get("http://somewhere.example/echo") as response:
                await response.read()
            results.append((at.asked[-1].target, at.asked[-1].header("proxy-authorization")))
            try:
                await own.get("http://direct.example.invalid.:1/")
            except http.ClientError as error:
                results.append(failed(error)[1][0])
        async with http.ClientSession() as own, own.get(at.url("/echo")) as response:
            results.append((await response.json())["target"])
    return results


@case
async def user_of_netrc(http, session, at):
    with tempfile.NamedTemporaryFile("w", suffix=".netrc") as file:
        file.write("machine 127.0.0.1\n  login user\n  password pass\n")
        file.flush()
        with environment(NETRC=file.name):
            return await ask(http, at.url("/basic"), trust_env=True)


@case
async def user_of_a_netrc_that_is_broken(http, session, at):
    with tempfile.NamedTemporaryFile("w", suffix=".netrc") as file:
        file.write("nonsense\n")
        file.flush()
        with environment(NETRC=file.name):
            return await ask(http, at.url("/basic"), trust_env=True)


@case
async def tls_through_a_proxy(http, session, at):
    import trustme

    authority = trustme.CA()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(serving)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    at.server.tunnels = True
    results = []
    async with Server(tls=serving) as secure:
        url = f"https://127.0.0.1:{secure.port}/echo"
        auth = {"Proxy-Authorization": http.encode_basic_auth("u", "p")}
        for options in ({"ssl": trusting}, {"ssl": trusting, "proxy_headers": auth}, {"ssl": False}, {}):
            try:
                async with session.get(url, proxy=at.url("/"), **options) as response:
                    results.append((await response.json())["target"])
            except http.ClientError as error:
                results.append(failed(error)[1])
            asked = at.asked[-1]
            target = asked.target.replace(str(secure.port), "SECURE")
            results.append((asked.method, target, asked.header("proxy-authorization")))
        return results, len(secure.asked)
