"""`ferrio serve`: its options beside uvicorn's own, the environment, and what a mistake gets."""

import inspect
import sys

import pytest
from cli_commands import execute, ferrio
from ferrio.cli import serve
from ferrio.cli.commands import SERVE
from ferrio.cli.errors import Mistake
from ferrio.cli.parse import parse
from ferrio.cli.serving import OPTIONS, parameter
from ferrio.server import Config
from server_support import HELLO, Served, ask_now, write_app


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    monkeypatch.delenv("WEB_CONCURRENCY", raising=False)
    for option in OPTIONS:
        for prefix in serve.PREFIXES:
            monkeypatch.delenv(prefix + parameter(option).upper(), raising=False)


def arguments(*words):
    """What the server is called with."""
    return serve.arguments(parse(["serve", *words]))


def test_every_option_is_a_parameter_and_the_reverse():
    known = {*inspect.signature(Config).parameters} - {"app"}
    options = {parameter(option) for option in OPTIONS}
    assert options - known == {"app_dir"}
    assert known - options == {"callback_notify", "timeout_notify", "ssl_context_factory"}  # objects, and gunicorn's


def test_options_of_uvicorn_are_there():
    click = pytest.importorskip("click")
    main = pytest.importorskip("uvicorn.main").main
    ours = {name: option for option in OPTIONS for name in (option.name, option.negative) if name}
    for option in main.params:
        if isinstance(option, click.Option) and option.name != "version":
            for name in (*option.opts, *option.secondary_opts):
                assert name in ours and bool(ours[name].value) != option.is_flag, name
                assert parameter(ours[name]) == option.name
                assert ours[name].many == option.multiple


VALUES = {
    ("--port", "80"): {"port": 80},
    ("--port=0", "--host", "::"): {"port": 0, "host": "::"},
    ("--no-access-log",): {"access_log": False},
    ("--access-log",): {"access_log": True},
    ("--no-access-log", "--access-log"): {"access_log": True},
    ("--use-colors",): {"use_colors": True},
    ("--header", "X-A: 1:2", "--header", "B:"): {"headers": [("X-A", " 1:2"), ("B", "")]},
    ("--reload-include", "*.js", "--reload-include=*.css"): {"reload_includes": ["*.js", "*.css"]},
    ("--ws-per-message-deflate", "false"): {"ws_per_message_deflate": False},
    ("--timeout-keep-alive", "2.5"): {"timeout_keep_alive": 2.5},
    ("--log-level", "DEBUG"): {"log_level": "debug"},
    ("--compress", "gzip, zstd"): {"compress": ["gzip", "zstd"]},
    ("--static", "/=."): {"static": [("/", ".")]},
    ("--factory", "--reload"): {"factory": True, "reload": True},
    (): {},
}


@pytest.mark.parametrize("words", VALUES, ids=" ".join)
def test_values(words):
    assert arguments(*words, "app:app") == VALUES[words]


def test_the_environment(monkeypatch):
    monkeypatch.setenv("UVICORN_PORT", "81")
    monkeypatch.setenv("UVICORN_HOST", "10.0.0.1")
    monkeypatch.setenv("FERRIO_HOST", "10.0.0.2")
    monkeypatch.setenv("UVICORN_RELOAD_DIRS", ". ..")
    monkeypatch.setenv("FERRIO_ACCESS_LOG", "no")
    monkeypatch.setenv("UVICORN_FACTORY", "true")
    monkeypatch.setenv("UVICORN_ROOT_PATH", "")
    expected = {"port": 81, "host": "10.0.0.2", "reload_dirs": [".", ".."], "access_log": False, "factory": True}
    assert arguments("app:app") == expected
    assert arguments("app:app", "--port", "82")["port"] == 82
    monkeypatch.setenv("UVICORN_PORT", "many")
    monkeypatch.setenv("WEB_CONCURRENCY", "-2")
    with pytest.raises(Mistake, match=r"serve: \$WEB_CONCURRENCY '-2': a whole number is needed, from 0 on"):
        arguments("app:app", "--port", "0")
    with pytest.raises(Mistake, match=r"serve: \$UVICORN_PORT 'many': a whole number is needed, from 0 on"):
        arguments("app:app")


MISTAKES = {
    (): "serve: APP is missing: ferrio serve [OPTIONS] MODULE:ATTRIBUTE",
    ("app:app", "--prot", "80"): "serve: unknown option '--prot'; did you mean '--port'?",
    ("app:app", "--no-acess-log"): "serve: unknown option '--no-acess-log'; did you mean '--no-access-log'?",
    ("app:app", "--no-access-log=1"): "serve: --no-access-log takes no value",
    ("app:app", "--port"): "serve: --port needs a value: --port N",
    ("app:app", "--port", "70000"): "serve: --port '70000': a port is at most 65535",
    ("app:app", "--port", "-1"): "serve: --port '-1': a whole number is needed, from 0 on",
    ("app:app", "--workers", "two"): "serve: --workers 'two': a whole number is needed, from 0 on",
    ("app:app", "--log-level", "inf"): "serve: --log-level 'inf': one of critical, error, warning, info, debug, trace "
    "is needed; did you mean 'info'?",
    ("app:app", "--header", "x"): "serve: --header 'x': NAME:VALUE is needed",
    ("app:app", "--static", "files"): "serve: --static 'files': /URL=FOLDER is needed",
    ("app:app", "--static", "/x=nowhere"): "serve: --static '/x=nowhere': there is no folder 'nowhere'",
    ("app:app", "--compress", "gzip,brotli"): "serve: --compress 'gzip,brotli': one of gzip, br, zstd is needed",
    ("app:app", "--env-file", "no"): "serve: --env-file 'no': there is no such file or folder",
    ("app:app", "--timeout-keep-alive", "soon"): "serve: --timeout-keep-alive 'soon': a number of seconds is needed, "
    "from 0 on",
    (
        "app:app",
        "--ws-per-message-deflate",
        "maybe",
    ): "serve: --ws-per-message-deflate 'maybe': true or false is needed",
    ("app:app", "--http", "httpools"): "serve: --http 'httpools': one of auto, ferrio, h11, httptools, zttp is needed; "
    "did you mean 'httptools'?",
    (
        "app:app",
        "--ws",
        "nono",
    ): "serve: --ws 'nono': one of auto, ferrio, websockets, websockets-sansio, wsproto, none "
    "is needed; did you mean 'none'?",
    ("app:app", "--header", "a b:c"): "serve: --header 'a b:c': 'a b' is no name of a header",
    (
        "app:app",
        "--header",
        "a:b\r\nc: d",
    ): "serve: --header 'a:b\\r\\nc: d': the value has a control character, or one that is not Latin-1",
    ("app:app", "--header", "Content-Length:5"): "serve: --header 'Content-Length:5': Content-Length is the "
    "connection's own",
    ("app:app", "--backlog", "9999999999"): "serve: --backlog '9999999999': that is too much",
    ("app:app", "--ws-max-size", "9" * 20): f"serve: --ws-max-size '{'9' * 20}': that is too much",
    ("app:app", "--ssl-cert-reqs", "7"): "serve: --ssl-cert-reqs '7': one of 0, 1, 2 is needed",
    ("app:app", "--ssl-keyfile", "key.pem"): "serve: --ssl-keyfile: its certificate is missing: --ssl-certfile FILE",
    ("app:app", "--metrics-path", "metrics"): "serve: --metrics-path 'metrics': a path begins with /",
    ("app:app", "--http2"): "serve: --http2: HTTP/2 is not served; put a proxy that speaks it in front",
    ("app:app", "other:app"): "serve: an argument too many: 'other:app'",
}


@pytest.mark.parametrize("words", MISTAKES, ids=" ".join)
def test_mistakes(words):
    with pytest.raises(Mistake) as raised:
        serve.main(parse(["serve", *words]))
    assert str(raised.value) == MISTAKES[words]


@pytest.mark.parametrize(("name", "text"), [("log.json", "{"), ("log.json", "{}"), ("log.ini", "[x"), ("log.txt", "x")])
def test_a_file_that_configures_no_logging(tmp_path, name, text):
    write_app(tmp_path)
    (tmp_path / name).write_text(text)
    done = ferrio("serve", "hello:app", "--log-config", name, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"ferrio: serve: --log-config {name}: it configures no logging: ")


def test_files_that_need_a_library(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for name in ("env", "log.yaml"):
        (tmp_path / name).touch()
    with pytest.raises(
        Mistake, match=r"--env-file 'env': reading it needs python-dotenv \(pip install python-dotenv\)"
    ):
        arguments("app:app", "--env-file", "env")
    with pytest.raises(Mistake, match=r"--log-config 'log.yaml': reading it needs PyYAML"):
        arguments("app:app", "--log-config", "log.yaml")


def test_a_mistake_is_one_line_and_status_2(tmp_path):
    done = ferrio("serve", "app:app", "--prot", "80", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "ferrio: serve: unknown option '--prot'; did you mean '--port'?\n"


FAILURES = {
    ("--ssl-certfile", "hello.py", "--ssl-version", "99"): "invalid or unsupported protocol version 99",
    ("--uds", "hello.py"): "Address already in use",
    ("--ssl-certfile", "no.pem"): "ERROR:    Error loading TLS of no.pem and None. [Errno 2] No such file or directory",
    ("--pid-file", "no/pid"): "ERROR:    [Errno 2] No such file or directory: 'no/pid'",
    ("--host", "192.0.2.1"): "192.0.2.1",
    ("--compress", "zstd"): "ERROR:    compressing this way needs the package zstandard (pip install zstandard)",
}


@pytest.mark.parametrize("words", FAILURES, ids=" ".join)
def test_what_cannot_start_is_one_line_and_status_3(tmp_path, words):
    write_app(tmp_path)
    hidden = (
        "import sys; sys.modules.update({'zstandard': None, 'compression.zstd': None}); from ferrio.cli import main;"
    )
    command = [sys.executable, "-c", f"{hidden} sys.exit(main(sys.argv[1:]))"]
    done = execute([*command, "serve", "hello:app", "--port", "0", *words], cwd=tmp_path)
    errors = [line for line in done.stderr.splitlines() if not line.startswith("INFO:")]
    assert (tmp_path / "hello.py").exists()  # a file that is no socket of ours stays
    assert done.returncode == 3 and len(errors) == 1 and FAILURES[words] in errors[0], done.stderr


@pytest.mark.parametrize("app", ["hello:VERSION", "..hello:app"])
def test_what_is_no_application(tmp_path, app):
    write_app(tmp_path)
    done = ferrio("serve", app, "--port", "0", cwd=tmp_path)
    assert done.returncode == 3 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("ERROR:    Error loading ASGI app.")


def test_help_has_groups(tmp_path):
    shown = ferrio("serve", "--help", cwd=tmp_path).stdout
    groups = [*dict.fromkeys(option.group for option in SERVE.options), "options"]
    assert [line[:-1] for line in shown.splitlines() if line.endswith(":") and not line.startswith(" ")] == groups


def test_app_dir_and_variables(tmp_path):
    (tmp_path / "src").mkdir()
    write_app(tmp_path / "src")
    with Served("--app-dir", "src", cwd=tmp_path, UVICORN_APP="hello:app", FERRIO_PORT="0") as served:
        served.wait_for("Application startup complete.")
        assert ask_now(served.port()).status == 200


@pytest.mark.parametrize("workers", ["1", "2"])
def test_asyncio_is_ferrios(tmp_path, workers):
    text = HELLO.replace("{VERSION}", "{asyncio.sleep.__module__} {type(asyncio.get_running_loop()).__module__}")
    write_app(tmp_path, "import asyncio\n" + text)
    with Served("hello:app", "--port", "0", "--workers", workers, cwd=tmp_path) as served:
        assert ask_now(served.port()).body.split()[1:] == [b"ferrio", b"ferrio.unix_events"]


def test_files_alone(tmp_path):
    (tmp_path / "a.txt").write_text("a file")
    with Served("--static", "/=.", "--port", "0", cwd=tmp_path) as served:
        port = served.port()
        assert ask_now(port, "/a.txt").body == b"a file"
        assert ask_now(port, "/b.txt").status == 404
