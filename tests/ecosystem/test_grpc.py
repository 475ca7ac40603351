"""grpc.aio: calls of all four kinds; its completion queue wakes the loop from a thread through a socket."""

import asyncio

import pytest

grpc = pytest.importorskip("grpc", reason="grpcio is not installed: make ecosystem")


async def unary(request, context):
    await asyncio.sleep(0)
    if request == b"fail":
        await context.abort(grpc.StatusCode.NOT_FOUND, "no such thing")
    return request.upper()


async def stream_out(request, context):
    for number in range(int(request)):
        yield b"%d" % number


async def stream_in(requests, context):
    return b",".join([request async for request in requests])


async def both(requests, context):
    async for request in requests:
        yield request * 2


def handlers():
    methods = {
        "unary": grpc.unary_unary_rpc_method_handler(unary),
        "out": grpc.unary_stream_rpc_method_handler(stream_out),
        "in": grpc.stream_unary_rpc_method_handler(stream_in),
        "both": grpc.stream_stream_rpc_method_handler(both),
    }
    return grpc.method_handlers_generic_handler("test", methods)


async def numbers(count):
    for number in range(count):
        yield b"%d" % number


def test_calls(closes_later, run, tmp_path):
    async def case():
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((handlers(),))
        server.add_insecure_port(f"unix:{tmp_path}/socket")
        await server.start()
        async with grpc.aio.insecure_channel(f"unix:{tmp_path}/socket") as channel:
            call = channel.unary_unary("/test/unary")
            assert await asyncio.gather(*[call(b"text") for _ in range(100)]) == [b"TEXT"] * 100
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(b"fail")
            assert caught.value.code() == grpc.StatusCode.NOT_FOUND
            out = channel.unary_stream("/test/out")(b"200")
            assert [answer async for answer in out] == [b"%d" % number for number in range(200)]
            assert await channel.stream_unary("/test/in")(numbers(3)) == b"0,1,2"
            exchanged = channel.stream_stream("/test/both")(numbers(3))
            assert [answer async for answer in exchanged] == [b"00", b"11", b"22"]
        await server.stop(0)

    run(case())
