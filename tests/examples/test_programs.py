"""The examples that run to their end: the same on both loops, plainly and with every warning an error."""

import re

import pytest
from programs import FOLDER, Program, check, each

PROGRAMS = (
    Program("gather_requests.py", says=("all three took # s", "failed: 404 for /nothing")),
    Program("sequential_vs_concurrent.py", says=("concurrent:\n  soup is ordered\n  pasta is ordered",)),
    Program("five_tasks.py", says=("results: [1, 4, 9, 16, 25]", "the group failed: task 2 had bad luck")),
    Program("interleaved_counters.py", says=("  a1\n  a2\n  a3\n  b1", "  a1\n  b1\n  a2\n  b2", " a1 a2 b1 a3 a4 b2")),
    Program("tasks_coroutines_futures.py", says=("made, and nothing ran", "awaits gets it: set by a timer")),
    Program("fire_and_forget.py", says=("INFO: invoice is done", "WARNING: report was cancelled", "the end\n")),
    Program("wait_n.py", says=("the shortest came first: True",)),
    Program("wait_n.py", ("1",), says=("1 waits of # s took # s",)),
    Program("sync_threads_asyncio.py", says=("sync === # s", "threads and asyncio both beat sync: True")),
    Program("executors.py", says=("[1, 2, 3]", "during the process pool: True", "the same as counted here: True")),
    Program("limited_fetcher.py", says=("limit  8: 39 pages in # s, at most 8 at once, timed out: [13]",)),
    Program("rate_limiter.py", says=("at most 4 at once: 4", "at most 10 starts in any 250 ms: True")),
    Program("queue_pipeline.py", says=("plums 610", "rejected: ['oops']", "waited for room: True")),
    Program("port_scanner.py", ("1",), says=("127.0.0.1: 0 open, 1 closed, 0 silent in # s",)),
    Program("tcp_echo.py", says=("echoed: one two three",)),
    Program("udp_echo.py", says=("echoed: zero one two three", "more packets than messages: True")),
    Program("unix_echo.py", says=("mode 600", "echoed: 1,000,000 bytes", "file is gone: True")),
    Program("aiohttp_fetch.py", needs=("aiohttp",), says=("at most 10 at once: 30 pages", "404 Not Found")),
    Program("aiofiles_many.py", needs=("aiofiles",), says=("in the folder: 100", "with plain calls: True")),
    Program(
        "download.py",
        needs=("multidict", "yarl"),
        says=("size: 3000000\nas the server says: True\n", "leaves the old file: True"),
    ),
    Program("websocket_client.py", needs=("aiohttp",), says=("received: 3 bytes\nclosed: 1000\nrefused: 403",)),
    Program("web_crawler.py", needs=("aiohttp",), says=("/gone        error 404", "each was visited once: True")),
    Program("web_crawler.py", ("--depth", "0"), needs=("aiohttp",), says=("1 pages, depth 0",)),
)
HEADS = sorted(path for path in FOLDER.glob("*.py"))


@each(PROGRAMS)
def test_same_on_both_loops(program, strict):
    check(program, strict)


@pytest.mark.parametrize("path", HEADS, ids=lambda path: path.stem)
def test_the_head_says_how_to_run_it(path):
    head = path.read_text(encoding="utf-8").split('"""')[1]
    for command in ("python", "ferrio run"):
        assert re.search(rf"^    {command} examples/python/{path.name}\b", head, re.M), f"no line '{command} ...'"


def test_every_program_is_listed():
    listed = (FOLDER.parent / "README.md").read_text(encoding="utf-8")
    missing = [path.name for path in HEADS if f"[`{path.name}`](python/{path.name})" not in listed]
    assert not missing, f"examples/README.md has no row for {missing}"
