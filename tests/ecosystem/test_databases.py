"""redis and asyncpg, against a server that the test starts; skipped where that is not installed."""

import asyncio
import contextlib
import glob
import os
import shutil
import socket
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
def postgres_folder():
    found = shutil.which("initdb") or max(glob.glob("/usr/lib/postgresql/*/bin/initdb"), default=None)
    if not found:
        pytest.skip("there is no PostgreSQL server")
    user = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}  # it refuses to be root
    with tempfile.TemporaryDirectory() as folder:
        if user:
            shutil.chown(folder, **user)
        options = {"cwd": folder, "env": {**os.environ, "TZ": "UTC"}, **user}
        data = f"{folder}/data"
        subprocess.run(
            [found, "-D", data, "-A", "trust", "-U", "tester", "-N"],
            check=True,
            capture_output=True,
            **options,
        )
        server = os.path.join(os.path.dirname(found), "postgres")
        command = [server, "-D", data, "-k", folder, "-c", "listen_addresses=", "-F"]
        with started(command, f"{folder}/.s.PGSQL.5432", **options):
            yield folder


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


def test_asyncpg(run, postgres_folder):
    asyncpg = pytest.importorskip("asyncpg", reason="asyncpg is not installed: make ecosystem")

    async def case():
        where = {"host": postgres_folder, "user": "tester", "database": "postgres"}
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
