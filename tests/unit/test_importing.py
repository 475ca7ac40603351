"""Importing ferrio more than once: anew, by hand, after a failure, and in other interpreters of the process.

What native code keeps is the process's. So a second import gives the same modules, or an ImportError that says why not;
the first one's loops run on. Each case is a process of its own.
"""

import subprocess
import sys
import textwrap

import pytest

BEGIN = """
import asyncio, importlib, sys
from unittest import mock
import ferrio

async def connection():
    server = await ferrio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    reader, writer = await ferrio.open_connection(*server.sockets[0].getsockname())
    assert await reader.read() == b""
    writer.close()
    server.close()

async def main(f=ferrio):
    async with f.timeout(5), f.TaskGroup() as group:
        tasks = [group.create_task(f.sleep(0.001)) for _ in range(3)]
        assert len(asyncio.all_tasks()) == 4
    assert all(isinstance(task, (f.Task, asyncio.Future)) for task in tasks)
    await connection()
    return "ran"

def ours():
    return [name for name in sys.modules if name.partition(".")[0] == "ferrio"]
"""

HALF = """
import sys
sys.modules["ferrio.limits"] = None
try:
    import ferrio
except ImportError as error:
    print(type(error).__name__)
del sys.modules["ferrio.limits"]
"""


def run(program, begin=BEGIN):
    program = begin + textwrap.dedent(program)
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("used", [True, False])
def test_imported_anew(used):
    assert run(
        f"""
        if {used}:
            print(ferrio.run(main()))
        with mock.patch.dict(sys.modules):
            for name in ours():
                del sys.modules[name]
            import ferrio as again, ferrio.testing, ferrio.locks
            print(again is ferrio, again._ferrio is ferrio._ferrio, ferrio.locks.Event is again.Event)
            print(again.run(main(again)), ferrio.run(main()))
        print(ferrio.run(main(again)))
        """
    ) == ["ran"] * used + ["True True True", "ran ran", "ran"]


def test_imported_anew_while_a_loop_runs():
    assert run(
        """
        async def outer():
            sleeping = asyncio.ensure_future(ferrio.sleep(0.01, "slept"))
            await ferrio.sleep(0)
            for name in ours():
                del sys.modules[name]
            import ferrio as again
            print(await sleeping, await main(again), again.Loop is ferrio.Loop)
        ferrio.run(outer())
        """
    ) == ["slept ran True"]


@pytest.mark.parametrize("gone", ["ferrio", "ferrio._ferrio", "ferrio.unix_events", "ferrio.cli"])
def test_a_part_of_it_imported_anew(gone):
    assert run(
        f"""
        import ferrio.cli
        del sys.modules[{gone!r}]
        importlib.import_module({gone!r})
        import ferrio as again
        print(again._ferrio is ferrio._ferrio, again.run(main(again)), ferrio.run(main()))
        """
    ) == ["True ran ran"]


def test_reloaded():
    assert run(
        """
        print(ferrio.run(main()))
        native = ferrio._ferrio
        print(importlib.reload(native) is native, importlib.reload(ferrio) is ferrio)
        print(ferrio.run(main()), len(ours()) > 10)
        """
    ) == ["ran", "True True", "ran True"]


def test_the_native_module_made_by_hand():
    assert run(
        """
        from importlib.util import module_from_spec, spec_from_file_location
        spec = spec_from_file_location("_ferrio", ferrio._ferrio.__file__)
        again = module_from_spec(spec)
        spec.loader.exec_module(again)
        print(again is ferrio._ferrio, again.Future is ferrio.Future, again.__name__, ferrio.run(main()))
        """
    ) == ["False True _ferrio ran"]


def test_after_a_failure_in_python():
    assert run(
        """
        for name in ours():
            del sys.modules[name]
        import ferrio as again
        print(again is ferrio, again.run(main(again)))
        """,
        HALF + BEGIN,
    ) == ["ModuleNotFoundError", "True ran"]


def test_after_a_failure_in_the_native_part():
    assert run(
        """
        from asyncio import transports
        mixin = transports.__dict__.pop("_FlowControlMixin")
        for _ in range(2):
            try:
                import ferrio
            except (AttributeError, ImportError) as error:
                print(type(error).__name__, str(error).partition(",")[0])
            transports._FlowControlMixin = mixin
        """,
        "",
    ) == [
        "AttributeError module 'asyncio.transports' has no attribute '_FlowControlMixin'",
        "ImportError ferrio's native part failed when it was first imported",
    ]


# Other interpreters

REFUSED = "ImportError ferrio works in the main interpreter of a process only"
TRY = """
try:
    import ferrio
    print("imported")
except ImportError as error:
    print("ImportError", error)
"""


def test_imported_in_a_second_interpreter():
    """As mod_wsgi and uWSGI make them, with the one lock of all."""
    pytest.importorskip("_testcapi")
    first, refused, again, last = run(
        f"""
        import _testcapi
        print(ferrio.run(main()))
        sys.stdout.flush()
        _testcapi.run_in_subinterp({TRY + "sys = __import__('sys'); sys.stdout.flush()"!r})
        print(ferrio.run(main()))
        for name in ours():
            del sys.modules[name]
        import ferrio as same
        print(same is ferrio)
        """
    )
    assert (first, again, last) == ("ran", "ran", "True")
    assert refused.startswith(REFUSED)
    assert "single-interpreter = true" in refused


def test_imported_in_another_interpreter_first():
    pytest.importorskip("_testcapi")
    refused, then = run(
        f"""
        import _testcapi, sys
        _testcapi.run_in_subinterp({TRY + "sys = __import__('sys'); sys.stdout.flush()"!r})
        import ferrio
        print(ferrio.new_event_loop().run_until_complete(ferrio.sleep(0, "ran")))
        """,
        "",
    )
    assert refused.startswith(REFUSED)
    assert then == "ran"


@pytest.mark.skipif(sys.version_info < (3, 13), reason="private to CPython, by another name before")
@pytest.mark.parametrize("kind", ["legacy", "isolated"])
@pytest.mark.parametrize("used", [True, False])
def test_interpreters_of_the_standard_library(kind, used):
    lines = run(
        f"""
        import _interpreters
        if {used}:
            print(ferrio.run(main()))
        sys.stdout.flush()
        other = _interpreters.create({kind!r})
        for _ in range(2):
            assert _interpreters.exec(other, {TRY + "sys = __import__('sys'); sys.stdout.flush()"!r}) is None
        _interpreters.destroy(other)
        print(ferrio.run(main()))
        """
    )
    assert lines[-1] == "ran"
    refused = lines[used:-1]
    assert len(refused) == 2
    assert all(line.startswith(REFUSED) for line in refused)


def test_a_python_without_openssl():
    """As asyncio itself: all but TLS works, and TLS fails with asyncio's words."""
    program = """
        from ferrio import sslproto

        async def tls():
            async with await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0) as server:
                await asyncio.open_connection(*server.sockets[0].getsockname(), ssl=True)

        print(ferrio.run(main()), *sslproto.engine(), sslproto.library(), sep=", ")
        for run in (asyncio.run, ferrio.run):
            try:
                run(tls())
            except Exception as error:
                print(type(error).__name__, error, sep=", ")
    """
    lines = run(program, "import sys; sys.modules['_ssl'] = None" + BEGIN)
    assert lines[0] == "ran, asyncio, this Python has no module ssl, none"
    assert lines[1:] == ["RuntimeError, stdlib ssl module not available"] * 2
