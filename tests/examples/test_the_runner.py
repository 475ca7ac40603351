"""programs.py finds what it is there to find: or every test of an example would be one that cannot fail."""

import os
import textwrap
import time

import pytest
from programs import Program, check, normalised, run, serving


@pytest.fixture
def program(tmp_path):
    """Makes a Program of some source code."""

    def program(source, **settings):
        path = tmp_path / "program.py"
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        return Program(str(path), **settings)

    return program


def test_each_loop_is_the_one_named(program, loop):
    printed = run(
        loop,
        program("""
        import asyncio
        async def main(): print([kind.__module__ for kind in type(asyncio.get_running_loop()).__mro__])
        asyncio.run(main())
    """),
    ).out
    assert ("ferrio" in printed) == (loop == "ferrio"), printed


def test_only_what_a_clock_decides_is_taken_out():
    text = "a   0.12 s\nb  12.34 s, 3.4 x as fast\n  ████▏   17\n12 of 3 s at 127.0.0.1:8080"
    assert normalised(text) == "a # s\nb # s, # x as fast\n  === 17\n12 of 3 s at 127.0.0.1:PORT"


PRINTS_ITS_LOOP = """\
import asyncio

async def main():
    print(asyncio.get_running_loop().__class__)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (PRINTS_ITS_LOOP, "asyncio.unix_events._UnixSelectorEventLoop"),
        ("print('fine'); raise SystemExit(3)", "exit status 3"),
        ("import sys; print('fine'); print('a word', file=sys.stderr)", "a word"),
        ("pass", "it printed nothing"),
        ("print('something else')", "the answer"),
    ],
)
def test_a_mistake_is_found(program, source, message):
    with pytest.raises(AssertionError) as error:
        check(program(source, says=("the answer",)))
    assert message in str(error.value)


def test_a_warning_is_found_when_strict(program):
    warns = program("import asyncio\nasync def main(): pass\nmain()\nprint('fine')")
    with pytest.raises(AssertionError, match="never awaited"):
        check(warns, strict=True)


def test_a_missing_library_skips(program):
    with pytest.raises(pytest.skip.Exception, match="no_such_library is not installed: make examples"):
        check(program("print('fine')", needs=("no_such_library",)))


def test_a_server_that_does_not_start_is_told(program, loop):
    with pytest.raises(AssertionError, match="no room"), serving(loop, program("raise SystemExit('no room')")):
        pass


def test_a_server_that_ends_with_a_traceback_is_told(program, loop):
    server = program("import time\nprint('listening on nothing', flush=True)\ntime.sleep(30)")
    with pytest.raises(AssertionError, match="KeyboardInterrupt"), serving(loop, server):
        pass


def test_a_test_that_fails_leaves_no_server(program, loop):
    server = program("import time\nprint('listening on nothing', flush=True)\ntime.sleep(30)")
    begin = time.monotonic()
    with pytest.raises(LookupError), serving(loop, server) as running:
        raise LookupError
    assert time.monotonic() - begin < 20
    with pytest.raises(ProcessLookupError):
        os.kill(running.pid, 0)
