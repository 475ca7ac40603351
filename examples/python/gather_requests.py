"""Concurrent requests with `asyncio.gather`.

What it teaches: gather starts its coroutines together and gives their results in the order in which they were
asked for, not in which they came; and what happens when one of them fails. The requests are mocked: a request is
mostly waiting, and that is what `asyncio.sleep` does.

    python examples/python/gather_requests.py
    ferrio run examples/python/gather_requests.py
"""

import asyncio
import time

ANSWERS_AFTER = {"/users": 0.3, "/orders": 0.1, "/prices": 0.2}  # seconds


async def main() -> None:
    begin = time.perf_counter()
    answers = await asyncio.gather(*(request(path) for path in ANSWERS_AFTER))
    print("in the order of asking:", *answers, sep="\n  ")
    print(f"all three took {time.perf_counter() - begin:.2f} s, as long as the slowest\n")

    # Without return_exceptions the first error would be raised here, and the other answers would be lost.
    for answer in await asyncio.gather(request("/users"), request("/nothing"), return_exceptions=True):
        print("failed:" if isinstance(answer, Exception) else "answered:", answer)


async def request(path: str) -> str:
    """A mock of an HTTP request."""
    print(f"GET {path}")
    if path not in ANSWERS_AFTER:
        raise LookupError(f"404 for {path}")
    await asyncio.sleep(ANSWERS_AFTER[path])
    print(f"200 for {path}")
    return f"the body of {path}"


if __name__ == "__main__":
    asyncio.run(main())
