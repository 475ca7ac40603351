"""redis and asyncpg, against a server that the test starts; skipped where that is not installed."""

import asyncio
import contextlib
import glob
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import time

import pytest

LIMIT = 20


@contextlib.contextmanager
def started(command, path, **options):
    """A server process that listens on the Unix socket `path`."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    try:
        deadline = time.monotonic() + LIMIT
        while not listens(path):
            assert process.poll() is None and time.monotonic() < deadline, f"{command[0]} does not start"
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(LIMIT)


def listens(path):
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(path) == 0


@pytest.fixture(scope="module")
def redis_path():
    if not (program := shutil.which("redis-server")):
        pytest.skip("there is no redis-server")
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/socket"
        command = [program, "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder]
        with started(command, path):
            yield path


@pytest.fixture(scope="module")
def postgres(authority):
    """A PostgreSQL server: the folder of its socket, and its port on the loopback interface, where it speaks TLS."""
    found = shutil.which("initdb") or max(glob.glob("/usr/lib/postgresql/*/bin/initdb"), default=None)
    if not found:
        pytest.skip("there is no PostgreSQL server")
    user = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}  # it refuses to be root
    with tempfile.TemporaryDirectory() as folder:
        certificate = f"{folder}/server.pem"
        authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
        os.chmod(certificate, 0o600)
        if user:
            shutil.chown(folder, **user)
            shutil.chown(certificate, **user)
        options = {"cwd": folder, "env": {**os.environ, "TZ": "UTC"}, **user}
        data, port = f"{folder}/data", free_port()
        subprocess.run(
            [found, "-D", data, "-A", "trust", "-U", "tester", "-N"],
            check=True,
            capture_output=True,
            **options,
        )
        server = os.path.join(os.path.dirname(found), "postgres")
        tls = ["-c", "ssl=on", "-c", f"ssl_cert_file={certificate}", "-c", f"ssl_key_file={certificate}"]
        listen = ["-k", folder, "-c", "listen_addresses=127.0.0.1", "-p", str(port)]
        with started([server, "-D", data, *listen, *tls, "-F"], f"{folder}/.s.PGSQL.{port}", **options):
            yield folder, port


def free_port():
    """One that was free a moment ago: the server has no way to choose, and to tell."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def test_redis(run, redis_path):
    redis = pytest.importorskip("redis.asyncio", reason="redis is not installed: make ecosystem")

    async def case():
        async with redis.Redis(unix_socket_path=redis_path, max_connections=20) as client:
            await client.flushall()
            assert await client.set("key", b"value" * 100_000)
            assert await client.get("key") == b"value" * 100_000
            async with client.pipeline() as pipe:
                for _ in range(1000):
                    pipe.incr("count")
                assert await pipe.execute() == list(range(1, 1001))
            await asyncio.gather(*[client.incr("count") for _ in range(20)])
            assert await client.get("count") == b"1020"
            with pytest.raises(redis.ResponseError):
                await client.incr("key")
            async with client.pubsub() as listening:
                await listening.subscribe("news")
                assert (await listening.get_message(timeout=5))["type"] == "subscribe"
                await client.publish("news", "first")
                assert (await listening.get_message(timeout=5))["data"] == b"first"
            waiting = asyncio.create_task(client.blpop("list", timeout=5))
            await client.rpush("list", "element")
            assert await waiting == (b"list", b"element")

    run(case())


def test_asyncpg(run, postgres):
    asyncpg = pytest.importorskip("asyncpg", reason="asyncpg is not installed: make ecosystem")

    async def case():
        where = {"host": postgres[0], "port": postgres[1], "user": "tester", "database": "postgres"}
        async with asyncpg.create_pool(**where, min_size=2, max_size=5) as pool:
            await pool.execute("create table if not exists things (number integer, name text)")
            await pool.execute("truncate things")
            rows = [(number, f"name {number}") for number in range(5000)]
            async with pool.acquire() as connection:
                await connection.copy_records_to_table("things", records=rows)
                async with connection.transaction():
                    cursor = connection.cursor("select number from things order by number")
                    assert [row["number"] async for row in cursor] == list(range(5000))
                await connection.executemany("insert into things values ($1, $2)", rows)
            counts = await asyncio.gather(*[pool.fetchval("select count(*) from things") for _ in range(30)])
            assert counts == [10_000] * 30
            heard = asyncio.get_running_loop().create_future()
            async with pool.acquire() as connection:
                await connection.add_listener("channel", lambda *args: heard.set_result(args[-1]))
                await pool.execute("notify channel, 'payload'")
                assert await heard == "payload"
                await connection.reset()
                with pytest.raises(asyncio.TimeoutError):
                    await connection.execute("select pg_sleep(10)", timeout=0.05)
                assert await connection.fetchval("select 1") == 1
                with pytest.raises(asyncpg.UndefinedTableError):
                    await connection.execute("select * from nothing")

    run(case())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_asyncpg_over_tls(run, postgres, client_tls, version):
    """asyncpg asks the server in the clear, then turns the connection into TLS: start_tls on a connection in use."""
    asyncpg = pytest.importorskip("asyncpg", reason="asyncpg is not installed: make ecosystem")
    client_tls.minimum_version = client_tls.maximum_version = version

    async def case():
        where = {"host": "127.0.0.1", "port": postgres[1], "user": "tester", "database": "postgres"}
        async with asyncpg.create_pool(**where, ssl=client_tls, min_size=2, max_size=5) as pool:
            query = "select version from pg_stat_ssl where pid = pg_backend_pid()"
            assert await pool.fetchval(query) == version.name.replace("_", ".")
            numbers = await asyncio.gather(*[pool.fetch("select generate_series(1, 2000)") for _ in range(30)])
            assert all([row[0] for row in rows] == list(range(1, 2001)) for rows in numbers)
            assert await pool.fetchval("select repeat('x', 3000000)") == "x" * 3_000_000
            assert await pool.fetchval("select length($1)", "y" * 3_000_000) == 3_000_000
            async with pool.acquire() as connection:
                with pytest.raises(asyncio.TimeoutError):
                    await connection.execute("select pg_sleep(10)", timeout=0.05)
                assert await connection.fetchval("select 1") == 1
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncpg.connect(**where, ssl=ssl.create_default_context())

    run(case())
