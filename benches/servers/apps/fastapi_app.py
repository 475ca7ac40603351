"""The FastAPI application: `/` the smallest JSON, `/item` one row of PostgreSQL through a pool of asyncpg's.

The pool is there if the environment names the database in BENCH_DATABASE. Must not know who serves it.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

fastapi: Any = import_module("fastapi")

CONNECTIONS = 16
QUERY = "SELECT id, name, price FROM items WHERE id = $1"


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    database = os.environ.get("BENCH_DATABASE")
    if not database:
        yield
        return
    asyncpg: Any = import_module("asyncpg")
    async with asyncpg.create_pool(database, min_size=CONNECTIONS, max_size=CONNECTIONS) as app.state.pool:
        yield


async def hello() -> dict[str, str]:
    return {"message": "Hello, World!"}


async def item() -> dict[str, Any]:
    return dict(await app.state.pool.fetchrow(QUERY, 7))


app = fastapi.FastAPI(lifespan=lifespan)
app.get("/")(hello)
app.get("/item")(item)
