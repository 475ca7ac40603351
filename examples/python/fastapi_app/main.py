"""A FastAPI app with a database: endpoints of both kinds, work after the response, a clean start and stop.

Run it:      python examples/python/fastapi_app/main.py
On ferrio:   ferrio serve --app-dir examples/python/fastapi_app main:app
Or:          ferrio run examples/python/fastapi_app/main.py

What it teaches: `def` endpoints run in threads and `async def` ones on the loop; a background task runs when the
response is out; a lifespan opens the database before the first request and closes it after the last one.

Orders are kept in `orders.db` in the current folder, or where DATABASE_URL says, such as
`postgresql://user:password@127.0.0.1/shop`.

The program at the end is for uvicorn, and `ferrio serve` has no need of it: that is a server of its own, with uvicorn's
options. uvicorn picks its own loop unless told otherwise: `loop="none"` lets asyncio decide, so that `ferrio run` has
its way. With uvicorn's own command, say `uvicorn main:app --loop ferrio:new_event_loop` (0.36 or later).
"""

import argparse
import asyncio
import contextlib
import os
import threading
import time
from collections.abc import AsyncIterator
from typing import Annotated

import uvicorn
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import URL, String, make_url, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

MAIL_SECONDS = 0.2  # how long the imaginary mail server takes

# ---------------------------------------------------------------------------------------------- the database


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    item: Mapped[str] = mapped_column(String(80))
    amount: Mapped[int]
    notified: Mapped[bool] = mapped_column(default=False)


def database_url() -> URL:
    """DATABASE_URL, or a file here. PostgreSQL's usual addresses name no driver: asyncpg is the one for asyncio."""
    url = make_url(os.environ.get("DATABASE_URL") or "sqlite+aiosqlite:///orders.db")
    drivers = {"sqlite": "sqlite+aiosqlite", "postgres": "postgresql+asyncpg", "postgresql": "postgresql+asyncpg"}
    return url.set(drivername=drivers.get(url.drivername, url.drivername))


async def make_tables(engine: AsyncEngine) -> None:
    try:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
    except (OSError, DBAPIError) as error:
        reason = getattr(error, "orig", error)
        raise RuntimeError(f"cannot use the database {engine.url}: {reason}; start it or unset DATABASE_URL") from None


@contextlib.asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, object]]:
    """Before `yield`: start-up. After it: shutdown, when the last request and its background tasks are done."""
    engine = create_async_engine(database_url())
    try:
        await make_tables(engine)
        yield {"sessions": async_sessionmaker(engine, expire_on_commit=False)}  # found in `request.state`
    finally:
        await engine.dispose()


async def open_session(request: Request) -> AsyncIterator[AsyncSession]:
    async with request.state.sessions() as session:
        yield session


Session = Annotated[AsyncSession, Depends(open_session)]
Number = Annotated[int, Path(ge=1, lt=2**31)]  # what the column holds; more would be an error of the database

# --------------------------------------------------------------------------------------- what goes in and out


class NewOrder(BaseModel):
    # No control characters: PostgreSQL cannot store a NUL, and the others have no place in a name.
    item: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")
    ]
    amount: int = Field(default=1, ge=1, le=1000)


class StoredOrder(NewOrder):
    model_config = ConfigDict(from_attributes=True)

    id: int
    notified: bool


# ------------------------------------------------------------------------------------------------- the service

app = FastAPI(title="Orders", lifespan=lifespan)


@app.exception_handler(RequestValidationError)
async def refuse(_request: Request, error: RequestValidationError) -> JSONResponse:
    """What is wrong and where, without the input: JSON may hold half a character, which no response can repeat."""
    wrong = [{"where": list(each["loc"]), "message": each["msg"]} for each in error.errors()]
    return JSONResponse({"detail": wrong}, status_code=422)


@app.get("/sync")
def work_in_a_thread() -> dict[str, object]:
    """A plain function may block: FastAPI runs it in a thread, and the loop goes on serving others."""
    time.sleep(0.05)
    return {"kind": "sync", "main_thread": threading.current_thread() is threading.main_thread()}


@app.get("/async")
async def wait_on_the_loop() -> dict[str, object]:
    """A coroutine runs on the loop: it must wait with `await`, and then thousands can wait at once."""
    await asyncio.sleep(0.05)
    return {
        "kind": "async",
        "main_thread": threading.current_thread() is threading.main_thread(),
        "loop": type(asyncio.get_running_loop()).__module__.partition(".")[0],
    }


@app.post("/orders", status_code=201)
async def create_order(
    new: NewOrder, request: Request, response: Response, session: Session, later: BackgroundTasks
) -> StoredOrder:
    order = Order(item=new.item, amount=new.amount, notified=False)
    session.add(order)
    await session.commit()
    response.headers["Location"] = f"/orders/{order.id}"
    later.add_task(notify, request.state.sessions, order.id)
    return StoredOrder.model_validate(order)


@app.get("/orders")
async def list_orders(session: Session) -> list[StoredOrder]:
    orders = await session.scalars(select(Order).order_by(Order.id).limit(100))
    return [StoredOrder.model_validate(order) for order in orders]


@app.get("/orders/{number}")
async def show_order(number: Number, session: Session) -> StoredOrder:
    return StoredOrder.model_validate(await find(session, number))


@app.delete("/orders/{number}", status_code=204)
async def cancel_order(number: Number, session: Session) -> None:
    await session.delete(await find(session, number))
    await session.commit()


async def find(session: AsyncSession, number: int) -> Order:
    order = await session.get(Order, number)
    if order is None:
        raise HTTPException(404, f"there is no order {number}; GET /orders lists those there are")
    return order


async def notify(sessions: async_sessionmaker[AsyncSession], number: int) -> None:
    """Runs when the response is out, so with a session of its own: the request's is closed by then."""
    await asyncio.sleep(MAIL_SECONDS)
    async with sessions() as session:
        order = await session.get(Order, number)
        if order is None:
            return  # cancelled in the meantime
        order.notified = True
        await session.commit()
    print(f"notified: {order.amount} x {order.item}", flush=True)


# ------------------------------------------------------------------------------------------------- the program


class Server(uvicorn.Server):
    """Says where it listens, which with `--port 0` nobody knows before."""

    async def startup(self, sockets: list | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()
            print(f"listening on http://{host}:{port}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Orders, by FastAPI.")
    parser.add_argument("--port", type=int, default=8000, help="0 takes any free one (default: 8000)")
    port = parser.parse_args().port
    server = Server(uvicorn.Config(app, host="127.0.0.1", port=port, loop="none", log_level="warning"))
    with contextlib.suppress(KeyboardInterrupt):
        server.run()  # uvicorn ends requests that are under way and the lifespan, then passes Ctrl-C on to us
    if not server.started:
        raise SystemExit(3)  # as uvicorn's own command
    print("stopped", flush=True)


if __name__ == "__main__":
    main()
