"""The suite of a checkout: all rows, load and its limits, loops left out where they differ in nothing, profiles."""

import asyncio
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
from dataclasses import astuple, fields, replace
from pathlib import Path

import pytest

from benches.certificate import make
from benches.digest import Entry, digest, entries, read, write
from benches.harness import build, client, judged, profiling
from benches.harness.build import cargo_name
from benches.harness.catalogue import ROWS, row_named
from benches.harness.contenders import LIMIT, PATCHED, STOCK_STREAMS, find, has_part
from benches.installed.harness import catalogue
from benches.installed.harness.contenders import Contender
from benches.installed.harness.runner import START, SUITE, Result, run_once
from benches.installed.harness.table import lines_of
from benches.run import NO_CLIENT, Options, settings_of, without_packages

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the suite measures with Linux's clocks and epoll")
needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="the load client of TLS is C")
needs_cargo = pytest.mark.skipif(shutil.which(cargo_name()) is None, reason="cargo builds the load client")
ROOT = Path(__file__).resolve().parents[2]
QUICK = ("--quick", "--rounds", "1")


def benches(*arguments, cwd=ROOT, **environment):
    command = [sys.executable, "-m", "benches", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=cwd,
                          env=os.environ | {"PYTHONPATH": str(ROOT)} | environment)  # fmt: skip


def test_the_rows_are_the_installed_ones_and_more():
    listed = benches("--list").stdout.split()
    assert listed == [row.name for row in ROWS]
    own = [row.name for row in catalogue.ROWS]
    assert [name for name in listed if name in own] == own
    assert all(row in ROWS for row in catalogue.ROWS)


def test_without_cargo_the_other_rows_are_measured(tmp_path):
    done = benches("--rows", "call_soon,echo_1k_*", "--quick", "--rounds", "1", "--loops", "ferrio,asyncio",
                   cwd=tmp_path, CARGO="no-such-cargo")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "\ncall_soon  " in done.stdout
    (said,) = [line for line in done.stdout.splitlines() if line.startswith("left out: ")]
    assert said.endswith("there is no no-such-cargo: install Rust, or set CARGO") and "echo_1k_x64" in said


@needs_cargo
def test_the_client_is_rust_and_the_bare_server_a_limit_but_no_peer(tmp_path):
    """Beside a row that it has none for, there is none; a goal says what the limit reaches against its peer."""
    build.client()  # which may take longer than what is measured may
    done = benches("--rows", "to_thread,call_soon,echo_udp*,bulk_send,connection_rate",
                   *QUICK, "--loops", "ferrio,asyncio,epoll", "--json", "table.json", cwd=tmp_path)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert re.search(r"^client: +Rust, cargo ", done.stdout, re.M) and "failed" not in done.stdout
    rows = json.loads((tmp_path / "table.json").read_text())["rows"]
    assert {row for row in rows if not rows[row]["epoll"]["rounds"]} == {"call_soon"}
    results = {loop: Result({int(number): each for number, each in raw["rounds"].items()})
               for loop, raw in rows["bulk_send"].items()}  # fmt: skip
    row = row_named("bulk_send")
    judgement = judged.judge(lines_of(row, results, "ferrio")[0], row.metrics[0], results, "ferrio")
    # Its goal is against uvloop, which was not measured.
    assert (judgement.best, judgement.ceiling) == ("asyncio", None)


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


@needs_cargo
@pytest.mark.parametrize("row", ["latency_protocol", "latency_streams", "http_aiohttp_client"])
@pytest.mark.parametrize("loop", ["ferrio", "asyncio"])
def test_rows_at_a_fixed_rate_and_against_a_bare_server(row, loop):
    for package in row_named(row).needs:
        pytest.importorskip(package)
    settings = settings_of(Options(quick=True), build.client())
    answer = run_once(row_named(row), Contender(loop, loop, sys.executable, ""), settings)
    assert answer.get("figures") and not answer["notes"], answer


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


@needs_cargo
@pytest.mark.parametrize(
    ("form", "head", "reason"),
    [("http", HEAD, ""), ("websocket", HEAD, ""), ("http", HEAD.replace(b"200", b"500"), "an answer that is not 200"),
     ("http", HEAD.replace(b"LENGTH", b"Type"), "an answer with neither Content-Length nor chunks")],
)  # fmt: skip
def test_the_client_speaks_http_and_websocket(form, head, reason):
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


@pytest.mark.parametrize("without", ["", "openssl"])
def test_a_key_is_made_for_its_owner_alone(tmp_path, monkeypatch, without):
    """By the command, and without it by the package; what is made serves."""
    if without:
        pytest.importorskip("cryptography")
        monkeypatch.setattr(shutil, "which", lambda name: None)
    elif shutil.which("openssl") is None:
        pytest.skip("no openssl")
    file = tmp_path / "new" / "server.pem"
    make(file)
    assert [each.name for each in file.parent.iterdir()] == ["server.pem"] and file.stat().st_mode & 0o077 == 0
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file)
    first = file.read_bytes()
    make(file)
    assert file.read_bytes() != first


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


@needs_cargo
def test_a_profile_divides_the_time_of_an_operation(tmp_path):
    """All of it: the parts are shares of one whole, of the loop's process and of the bare server alike."""
    asked = ("--rows", "echo_1k_x8,call_soon", "--loops", "ferrio,epoll", "--rounds", "1", "--seconds", "0.5")
    command = [sys.executable, "-m", "benches.profile", *asked, "--table", str(tmp_path / "profile.tsv")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    _, profiles = read(tmp_path / "profile.tsv")
    assert [(each["row"], each["label"]) for each in profiles] == [
        ("call_soon", "ferrio"), ("echo_1k_x8", "ferrio"), ("echo_1k_x8", "epoll")
    ]  # fmt: skip
    for profile in profiles:
        figures = [float(figure) for part, figure in profile.items() if part not in ("row", "label")]
        assert figures[0] > 0 and sum(figures[1:]) == pytest.approx(1)


def test_a_digest_holds_what_the_table_says(tmp_path):
    rounds = {"ferrio": [4.0, 2.0], "asyncio": [1.0, 1.0]}
    rest = {"unsupported": None, "problems": [], "notes": []}
    row = {loop: {"rounds": {str(number): {"rate": rate} for number, rate in enumerate(rates)}} | rest
           for loop, rates in rounds.items()}  # fmt: skip
    rows = {"call_soon": row}
    write(tmp_path / "a.tsv", ["machine: #1"], [[each.name for each in fields(Entry)],
                                                *map(astuple, entries({"rows": rows}))])  # fmt: skip
    head, (own, stock) = digest(tmp_path / "a.tsv")
    assert head == ["machine: #1"]
    assert own == Entry("call_soon", "op/s", "ferrio", 3.0, 2.0, 4.0)
    assert stock == Entry("call_soon", "op/s", "asyncio", 1.0, 1.0, 1.0, pytest.approx(8**0.5), "?", 2.0, 4.0)


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
