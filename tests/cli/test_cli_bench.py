"""`ferrio bench`: it measures, leaves site-packages alone, and does what it can without a C compiler."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cli_commands import execute, ferrio
from ferrio import benches
from ferrio.benches.harness import build, client, profiling
from ferrio.benches.harness.build import CRATE, cargo_name
from ferrio.benches.harness.catalogue import ROWS, row_named
from ferrio.benches.harness.contenders import LIMIT, PATCHED, STOCK_STREAMS, Contender, find, has_part
from ferrio.benches.harness.rounds import Rounds
from ferrio.benches.harness.runner import START, SUITE, Result, run_once
from ferrio.benches.harness.table import lines_of
from ferrio.benches.run import NO_CLIENT, Options, settings_of, without_packages
from ferrio.cli import main
from ferrio.cli.bench import TELLING

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the suite measures with Linux's clocks and epoll")
needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="this load client is C")
in_checkout = pytest.mark.skipif(
    not CRATE.exists() or shutil.which(cargo_name()) is None,
    reason="the client in Rust is built in a checkout by cargo",
)
ONCE = ("--quick", "--rounds", "1", "--loops", "ferrio,asyncio")


def test_list_names_every_row_and_the_short_run_is_made_of_them(tmp_path):
    listed = ferrio("bench", "--list", cwd=tmp_path).stdout.split()
    assert listed == [row.name for row in ROWS]
    assert [name for name in listed if name in TELLING] == list(TELLING)


@needs_compiler
def test_rows_with_and_without_a_client_and_both_files(tmp_path):
    """With the client that an installed ferrio has."""
    before = set(Path(benches.__file__).parent.rglob("*.[!p]*"))
    done = ferrio("bench", "call_soon", "echo_1k_x8", *ONCE, "--json", "table.json", "--markdown", "table.md",
                  cwd=tmp_path, CARGO="no-such-cargo", XDG_CACHE_HOME=str(tmp_path / "cache"))  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    rows = json.loads((tmp_path / "table.json").read_text())["rows"]
    assert list(rows) == ["call_soon", "echo_1k_x8"]
    assert all(rows[row][loop]["rounds"] and not rows[row][loop]["problems"] for row in rows for loop in rows[row])
    assert "| call_soon |" in (tmp_path / "table.md").read_text()
    assert [file.name.partition("-")[0] for file in (tmp_path / "cache" / "ferrio").iterdir()] == ["load"]
    assert set(Path(benches.__file__).parent.rglob("*.[!p]*")) == before


def test_without_a_compiler_the_other_rows_are_measured(tmp_path):
    done = ferrio("bench", "call_soon", "echo_1k_*", *ONCE, cwd=tmp_path, CC="no-such-compiler", CARGO="no-such-cargo",
                  XDG_CACHE_HOME=str(tmp_path))  # fmt: skip
    assert done.returncode == 0
    assert "\ncall_soon  " in done.stdout
    (said,) = [line for line in done.stdout.splitlines() if line.startswith("left out: ")]
    assert said.endswith("there is no no-such-compiler: install gcc or clang, or set CC") and "echo_1k_x64" in said


@in_checkout
def test_in_a_checkout_the_client_is_rust_and_the_bare_server_a_limit_but_no_peer(tmp_path):
    """Beside a row that it has none for, there is none; a goal says what the limit reaches against its peer."""
    build.client()  # which may take longer than what is measured may
    done = ferrio("bench", "to_thread", "call_soon", "echo_unix*", "echo_udp*", "bulk*", "connection_rate", "--quick",
                  "--rounds", "1", "--loops", "ferrio,asyncio,epoll", "--json", "table.json", cwd=tmp_path)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert re.search(r"^client: +Rust, cargo ", done.stdout, re.M) and "failed" not in done.stdout
    rows = json.loads((tmp_path / "table.json").read_text())["rows"]
    assert {row for row in rows if not rows[row]["epoll"]["rounds"]} == {"call_soon"}
    results = {loop: Result({int(number): each for number, each in raw["rounds"].items()})
               for loop, raw in rows["bulk_send"].items()}  # fmt: skip
    line = lines_of(row_named("bulk_send"), results, "ferrio")[0]
    assert (line.best, line.ceiling) == ("asyncio", None)  # its goal is against uvloop, which was not measured


@needs_compiler
@pytest.mark.parametrize(
    "name",
    ["tls_echo_1k_x1", "tls_echo_1k_x64", "tls_bulk_send", "tls_bulk_writelines", "tls_bulk_receive", "tls_handshakes"],
)
def test_beside_rows_of_tls_the_limit_is_a_server_on_openssl_alone(name):
    """It echoes what the client compares, ends as the client does, and carries bulk data both ways."""
    limit = Contender("epoll", "epoll", sys.executable, "")
    answer = run_once(row_named(name), limit, settings_of(Options(quick=True), NO_CLIENT))
    assert answer.get("figures") and not answer["notes"], answer
    assert answer["figures"]["rate"] > 0 and answer["figures"]["server_busy"] > 0


@pytest.mark.parametrize("row", [row.name for row in ROWS if not row.loaded and not row.needs])
def test_rows_that_claim_to_need_no_client_need_none(row):
    """In the measuring process there is no client to start: a row that tried would fail."""
    if row in ("scaling_timers", "scaling_tasks"):
        pytest.skip("takes hundreds of thousands of timers and has no connection")
    settings = settings_of(Options(quick=True), NO_CLIENT)
    answer = run_once(
        next(each for each in ROWS if each.name == row), Contender("ferrio", "ferrio", sys.executable, ""), settings
    )
    assert answer.get("figures"), answer


@pytest.mark.parametrize(
    ("loop", "task", "name"),
    [("ferrio", "ferrio", "ferrio"), ("ferrio-loop", "ferrio", "asyncio"), ("ferrio-stock", "asyncio", "asyncio"),
     ("asyncio", "asyncio", "asyncio")],
)  # fmt: skip
def test_whose_tasks_a_row_finds(loop, task, name, tmp_path):
    """What is measured as ferrio is what `ferrio run` gives; a peer has asyncio's own, and so has the loop alone."""
    program = f"""
async def nothing():
    pass
from benches.harness.contenders import new_event_loop
import asyncio
stock, loop = asyncio.Task, new_event_loop({loop!r})
made = loop.create_task(nothing())
loop.run_until_complete(made)
print(*("asyncio" if each is stock else "ferrio" for each in (type(made), asyncio.Task)))
"""
    program = START.replace("\nfrom benches.harness.child import main\nmain()\n", program)
    done = execute([sys.executable, "-P", "-c", program, str(SUITE)], cwd=tmp_path)
    assert (done.stdout, done.stderr) == (f"{task} {name}\n", "")


def test_the_suite_runs_as_a_package_of_its_own_from_a_checkout(tmp_path):
    root = Path(__file__).resolve().parents[2]
    assert (root / "benches").resolve() == (root / "python" / "ferrio" / "benches")
    done = execute([sys.executable, "-m", "benches", "--list"], cwd=root)
    assert done.stdout.split() == [row.name for row in ROWS]


def test_the_measuring_process_of_another_loop_does_not_import_ferrio(tmp_path):
    program = START.replace("\nmain()\n", "\nprint('ferrio' in sys.modules)\n")
    done = subprocess.run([sys.executable, "-P", "-c", program, str(SUITE)], capture_output=True, text=True,
                          timeout=30, env=dict(os.environ), cwd=tmp_path)  # fmt: skip
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_a_loop_is_left_out_where_it_differs_in_nothing():
    serves, calls = row_named("echo_1k_x1"), row_named("call_soon")
    assert has_part(LIMIT, serves) and has_part(PATCHED, serves) and has_part("uvloop", calls)
    assert not has_part(LIMIT, calls) and not has_part(PATCHED, calls)
    connects = row_named("asyncio_tcp_ssl")
    assert has_part(PATCHED, connects) and not has_part(LIMIT, connects)
    assert has_part(STOCK_STREAMS, connects) and has_part(STOCK_STREAMS, row_named("echo_streams_1k_x64"))
    assert not has_part(STOCK_STREAMS, serves) and not has_part(STOCK_STREAMS, calls)


def test_a_row_whose_package_is_not_there_is_left_out_and_named():
    rows = [replace(row_named("call_soon"), needs=needs) for needs in ((), ("json",), ("json", "no_such_package"))]
    kept, said = without_packages(rows[:2])
    assert (kept, said) == (rows[:2], [])
    kept, (line,) = without_packages(rows[2:])
    assert (kept, line) == ([], "left out: call_soon: no_such_package missing: pip install no_such_package")
    (line, other) = without_packages([replace(rows[2], name=name) for name in "ab"] + [replace(rows[2], needs=("x",))])[
        1
    ]
    assert line == "left out: a, b: no_such_package missing: pip install no_such_package" and "pip install x" in other


def test_what_is_missing_is_named_with_what_to_do():
    found, missing = find(["asyncio", "no_such_loop", STOCK_STREAMS, PATCHED, "epoll"], "needs something")
    assert [each.label for each in found][:1] == ["asyncio"] and missing.pop("epoll") == "needs something"
    assert missing["no_such_loop"] == "not installed: pip install no_such_loop"
    named = {PATCHED: "uvloop aiofastnet", STOCK_STREAMS: "rsloop, from glibc 2.39 on"}
    for loop in named.keys() & missing.keys():
        assert missing[loop] == f"not installed: pip install {named[loop]}"


def test_a_minute_is_enough_for_a_first_round_and_no_more():
    """No row is without a figure. A round more begins only while there is time."""
    budget = replace(Options(quick=True, brief=True).budget(), minutes=0.0)
    rounds = Rounds([row_named("call_soon")], [Contender("asyncio", "asyncio", sys.executable, "")],
                    settings_of(Options(quick=True), NO_CLIENT), None, budget, print)  # fmt: skip
    assert len(rounds.measure(lambda row, results: set())["call_soon"]["asyncio"].rounds) == 1


@pytest.mark.parametrize(
    ("arguments", "rows", "quick", "minutes"),
    [
        ((), ",".join(TELLING), True, 1.0),
        (("--all",), "*", True, 19.0),
        (("--quick",), "*", True, 19.0),
        (("--full",), "*", False, 19.0),
        (("--all", "--full"), "*", False, 19.0),
        (("--rows", "call_soon,echo_*"), "call_soon,echo_*", False, 19.0),
        (("call_soon", "--quick"), "call_soon", True, 19.0),
    ],
)
def test_which_rows_and_how_long(monkeypatch, capsys, arguments, rows, quick, minutes):
    asked = []
    monkeypatch.setattr("ferrio.cli.bench.run", asked.append)
    assert main(["bench", *arguments]) == 0
    assert [(options.rows, options.quick, options.minutes) for options in asked] == [(rows, quick, minutes)]
    assert asked[0].brief == (not arguments)
    assert ("ferrio bench --all" in capsys.readouterr().out) == (not arguments)


HEAD = b"HTTP/1.1 200 OK\r\nDate: today\r\nCONTENT-LENGTH: 13\r\n\r\n"


class Web(asyncio.Protocol):
    """Answers GET in two pieces, and WebSocket frames of 1 KiB without their masks."""

    def __init__(self, head):
        self.head, self.received, self.is_upgraded = head, b"", False

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.received += data
        if self.is_upgraded:
            if len(self.received) == 8 + 1024:
                self.transport.write(b"\x82\x7e" + self.received[2:4] + self.received[8:])
                self.received = b""
        elif self.received.endswith(b"\r\n\r\n"):
            self.is_upgraded = b"Upgrade" in self.received
            self.received = b""
            self.transport.write(b"HTTP/1.1 101 Go on\r\n\r\n" if self.is_upgraded else self.head)
            if not self.is_upgraded:
                asyncio.get_running_loop().call_soon(self.transport.write, b"Hello, World!")


@needs_compiler
@pytest.mark.parametrize(
    ("form", "head", "reason"),
    [("http", HEAD, ""), ("websocket", HEAD, ""), ("http", HEAD.replace(b"200", b"500"), "an answer that is not 200"),
     ("http", HEAD.replace(b"LENGTH", b"Type"), "an answer without Content-Length")],
)  # fmt: skip
def test_the_client_in_c_speaks_http_and_websocket(monkeypatch, tmp_path, form, head, reason):
    monkeypatch.setenv("CARGO", "no-such-cargo")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = build.client().path

    async def measured():
        server = await asyncio.get_running_loop().create_server(lambda: Web(head), "127.0.0.1", 0)
        async with server:
            options = {
                "to": f"tcp:{server.sockets[0].getsockname()[1]}",
                "form": form,
                "connections": 3,
                "seconds": 0.1,
            }
            process = client.start(path, "echo", None, options)
            answer = await asyncio.to_thread(client.report, process)
            client.finish(process)
            return answer

    figures, said = asyncio.run(measured())
    assert reason in said and bool(figures) == (not reason)
    assert reason or figures["count"] > 0


@in_checkout
@pytest.mark.parametrize("loop", ["ferrio", "asyncio"])
@pytest.mark.parametrize("name", [row.name for row in ROWS if row.rust])
def test_rows_that_only_the_client_in_rust_can_load(name, loop):
    for package in row_named(name).needs:
        pytest.importorskip(package)
    settings = settings_of(Options(quick=True), build.client())
    answer = run_once(row_named(name), Contender(loop, loop, sys.executable, ""), settings)
    assert answer.get("figures") and not answer["notes"], answer


@in_checkout
def test_a_profile_divides_the_time_of_an_operation(tmp_path):
    """All of it: the parts are shares of one whole, of the loop's process and of the bare server alike."""
    asked = ("--rows", "echo_1k_x8,call_soon", "--loops", "ferrio,epoll", "--rounds", "1", "--seconds", "0.5")
    done = execute([sys.executable, "-m", "benches.profile", *asked, "--json", str(tmp_path / "profile.json")],
                   cwd=Path(__file__).resolve().parents[2])  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads((tmp_path / "profile.json").read_text())["rows"]
    assert {row: list(report[row]) for row in report} == {"call_soon": ["ferrio"], "echo_1k_x8": ["ferrio", "epoll"]}
    for profile in [each for row in report.values() for each in row.values()]:
        assert profile["us"] > 0
        assert sum(share for part, share in profile.items() if part != "us" and "/" not in part) == pytest.approx(1)


def test_without_perf_the_kernel_s_own_account_divides_it(monkeypatch):
    monkeypatch.setattr(profiling, "has_perf", lambda: False)
    busy = "import os\nprint(flush=True)\nwhile sum(os.times()[:2]) < 0.5: os.getppid()\nprint()"
    shares: dict[str, float] = {}
    with subprocess.Popen([sys.executable, "-c", busy], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        with profiling.watched(process.pid, shares):
            process.stdout.readline()
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # still in /proc
    assert list(shares) == ["kernel", "user"] and sum(shares.values()) == pytest.approx(1)
