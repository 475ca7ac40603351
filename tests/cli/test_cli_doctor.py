"""`ferrio doctor`: the facts are true, the self-test can fail, and its failure is the exit status."""

import json
import platform
import ssl
import sys

from cli_commands import execute, ferrio
from ferrio import __version__, _compat


def test_the_report_for_people(tmp_path):
    done = ferrio("doctor", cwd=tmp_path, FERRIO_POLLER="poll")
    assert (done.returncode, done.stderr) == (0, "")
    for line in (
        f"ferrio {__version__}",
        f"for CPython {_compat.KNOWN}",
        f"python CPython {platform.python_version()}",
        f"openssl {ssl.OPENSSL_VERSION}",
    ):
        name, _, value = line.partition(" ")
        assert any(each.split(maxsplit=1) == [name, value] for each in done.stdout.splitlines()), line
    assert "poll (FERRIO_POLLER=poll)" in done.stdout
    assert done.stdout.count("  ok  ") == 5 and "FAILED" not in done.stdout


def test_the_report_for_programs(tmp_path):
    done = ferrio("doctor", "--json", cwd=tmp_path, FERRIO_POLLER="", PYTHONASYNCIODEBUG="1")
    report = json.loads(done.stdout)
    assert list(report) == [
        "versions",
        "interpreter",
        "loop",
        "kernel",
        "limits",
        "other loops",
        "environment",
        "self-test",
    ]
    assert report["versions"]["executable"] == sys.executable
    assert report["environment"]["PYTHONASYNCIODEBUG"] == "1" and report["loop"]["debug mode"] == "yes"
    assert all(test["ok"] and test["detail"] and not test["remedy"] for test in report["self-test"].values())


def test_a_loop_that_cannot_be_made_is_reported_with_remedies(tmp_path):
    done = ferrio("doctor", cwd=tmp_path, FERRIO_POLLER="nonsense")
    assert done.returncode == 1
    assert done.stdout.count("FAILED") == 5 == done.stdout.count("  -> ")
    assert "nonsense" in done.stdout and done.stderr == ""


def test_limits_are_those_of_the_process(tmp_path):
    program = (
        "import resource, runpy, sys\n"
        "hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (77, hard))\n"
        "sys.argv = ['ferrio', 'doctor', '--json']\n"
        "runpy.run_module('ferrio', run_name='__main__')\n"
    )
    done = execute([sys.executable, "-c", program], cwd=tmp_path)
    assert json.loads(done.stdout)["limits"]["open files"].startswith("soft 77, hard ")
