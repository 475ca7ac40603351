"""`Config`: the parameters, defaults and attributes of uvicorn's, which is the oracle; applications and sockets."""

import inspect
import json
import logging
import os
import pickle
import socket
import ssl
import stat
from pathlib import Path

import pytest
from ferrio.server import Config
from ferrio.server.asgi import ASGI2Middleware
from ferrio.server.banner import name_of, served
from ferrio.server.config import LOGGING_CONFIG
from ferrio.server.logs import TRACE
from ferrio.server.options import Options
from ferrio.server.tracing import MessageLoggerMiddleware
from ferrio.server.wsgi import WSGIMiddleware


async def asgi3(scope, receive, send):
    return


def asgi2(scope):
    return


def wsgi(environ, start_response):
    return


class ClassOfASGI3:
    def __init__(self, scope, receive, send):
        return

    def __await__(self):
        return iter(())


class CallableOfASGI3:
    async def __call__(self, scope, receive, send):
        return


def loaded(app, **options):
    config = Config(app, log_config=None, **options)
    config.load()
    return config


def parameters(function):
    return {name: each.default for name, each in inspect.signature(function).parameters.items()}


def test_parameters_and_defaults_are_uvicorns():
    uvicorn = pytest.importorskip("uvicorn")
    theirs, ours = parameters(uvicorn.Config), parameters(Config)
    theirs.pop("log_config")
    assert {name: ours[name] for name in theirs} == theirs
    assert [name for name in ours if name in theirs] == [*theirs]


def test_attributes_are_uvicorns():
    uvicorn = pytest.importorskip("uvicorn")
    theirs, ours = vars(uvicorn.Config(asgi3, log_config=None)), vars(Config(asgi3, log_config=None))
    assert {name: ours[name] for name in theirs} == theirs


@pytest.mark.parametrize(
    ("app", "interface"),
    [(asgi3, "asgi3"), (ClassOfASGI3, "asgi3"), (CallableOfASGI3(), "asgi3"), (asgi2, "asgi2"), (wsgi, "wsgi")],
)
def test_interfaces(app, interface):
    config = loaded(app)
    assert (config.interface, config.asgi_version) == (interface, "2.0" if interface == "asgi2" else "3.0")
    assert isinstance(config.loaded_app, ASGI2Middleware) == (interface == "asgi2")


def test_wsgi():
    config = loaded(wsgi, interface="wsgi")
    assert isinstance(config.loaded_app, WSGIMiddleware)
    assert (config.asgi_version, config.ws) == ("3.0", "none")


def test_a_factory(caplog):
    assert loaded(lambda: asgi3, factory=True).loaded_app is asgi3
    assert not caplog.records
    assert loaded(lambda: asgi3).loaded_app is asgi3
    assert "ASGI app factory detected" in caplog.text
    with pytest.raises(SystemExit) as raised:
        loaded(asgi2, factory=True)
    assert raised.value.code == 3 and "Error loading ASGI app factory" in caplog.text


@pytest.mark.parametrize("app", ["no_such_module:app", "json:no_such", "json"])
def test_an_application_that_is_not_there(app, caplog):
    with pytest.raises(SystemExit) as raised:
        loaded(app)
    assert raised.value.code == 3 and caplog.text.count("Error loading ASGI app.") == 1


def test_trace(caplog):
    logging.getLogger("uvicorn.error").setLevel(TRACE)
    assert isinstance(loaded(asgi3).loaded_app, MessageLoggerMiddleware)


def test_types_of_run_are_those_of_config():
    parameters = inspect.signature(Config).parameters.values()
    expected = {each.name: each.annotation for each in parameters if each.name != "app"}
    assert {name: each.__forward_arg__ for name, each in Options.__annotations__.items()} == expected


def test_headers():
    assert loaded(asgi3).encoded_headers == [(b"server", b"ferrio")]
    assert loaded(asgi3, server_header=False).encoded_headers == []
    own = [("Server", "mine"), ("X-Café", "é")]
    assert loaded(asgi3, headers=own).encoded_headers == [(b"server", b"mine"), (b"x-caf\xe9", b"\xe9")]


def test_what_is_ignored_or_refused(caplog):
    for http in ("auto", "ferrio", "h11", "httptools", "zttp"):
        assert loaded(asgi3, http=http).http_protocol_class is None
    assert loaded(asgi3, http="json:JSONDecoder").http_protocol_class is json.JSONDecoder
    assert not caplog.records
    Config(asgi3, log_config=None, loop="uvloop")
    assert caplog.messages == ["loop='uvloop' is ignored: the loop is ferrio's."]
    with pytest.raises(ValueError, match="HTTP/2"):
        loaded(asgi3, http2=True)
    with pytest.raises(SystemExit):
        loaded(asgi3, compress="lzma")
    assert "'lzma'" in caplog.text


def test_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("WEB_CONCURRENCY", "7")
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "10.0.0.1")
    config = Config(asgi3, log_config=None)
    assert (config.workers, config.forwarded_allow_ips) == (7, "10.0.0.1")
    config = Config(asgi3, log_config=None, workers=2, forwarded_allow_ips="*")
    assert (config.workers, config.forwarded_allow_ips) == (2, "*")


def test_a_file_of_environment_variables(monkeypatch, tmp_path):
    pytest.importorskip("dotenv")
    monkeypatch.setenv("WEB_CONCURRENCY", "")
    monkeypatch.delenv("WEB_CONCURRENCY")
    (tmp_path / "env").write_text("WEB_CONCURRENCY=3\n")
    assert Config(asgi3, log_config=None, env_file=tmp_path / "env").workers == 3


def test_reload_and_workers(caplog):
    Config("x:app", log_config=None, reload=True, workers=2)
    assert '"workers" flag is ignored when reloading is enabled.' in caplog.messages
    caplog.clear()
    Config(asgi3, log_config=None, reload_dirs="src")
    assert caplog.messages == [
        "Current configuration will not reload as not all conditions are met, please refer to documentation."
    ]


def test_an_option_that_is_not_for_the_application_is_said(caplog):
    for interface, said in (("asgi3", 1), ("asgi2", 1), ("wsgi", 0)):
        caplog.clear()
        made = Config(asgi3, log_config=None, interface=interface, wsgi_on_loop=True)
        made.load()
        assert sum('"wsgi-on-loop" flag is ignored' in message for message in caplog.messages) == said


RELOADS = [
    {},
    {"reload_dirs": ["app"]},
    {"reload_dirs": "app"},
    {"reload_dirs": ["app", "app/sub", "ext"]},
    {"reload_dirs": [".", "app"]},
    {"reload_dirs": ["no-such"]},
    {"reload_dirs": ["app"], "reload_includes": ["*.js", "ext"]},
    {"reload_includes": ["*/sub"], "reload_excludes": ["app", "*ext*"]},
    {"reload_excludes": ["app"]},
    {"reload_excludes": ["app/sub"], "reload_dirs": ["app", "ext"]},
    {"reload_includes": [".*", "e*"]},
]


@pytest.mark.parametrize("options", RELOADS, ids=str)
def test_what_is_watched_is_what_uvicorn_watches(options, tmp_path, monkeypatch, caplog):
    uvicorn = pytest.importorskip("uvicorn")
    for folder in ("app/src", "app/sub", "ext/sub", ".hidden", "app_third"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)

    def seen(config_class):
        caplog.clear()
        with caplog.at_level(logging.INFO, "uvicorn.error"):
            config = config_class("x:app", log_config=None, reload=True, **options)
        found = [
            {*map(str, getattr(config, f"reload_{each}"))} for each in ("dirs", "dirs_excludes", "includes", "excludes")
        ]
        return found, caplog.messages

    assert seen(Config) == seen(uvicorn.Config)


def test_a_configuration_goes_to_other_processes(tmp_path):
    config = pickle.loads(pickle.dumps(Config("x:app", log_config=None, port=1234, static=[("/", str(tmp_path))])))
    assert (config.app, config.port, config.static) == ("x:app", 1234, [("/", str(tmp_path))])


def test_binding_a_port(caplog):
    with caplog.at_level(logging.INFO, "uvicorn.error"), Config(asgi3, log_config=None, port=0).bind_socket() as bound:
        port = bound.getsockname()[1]
        assert bound.get_inheritable()
        assert caplog.messages[:-1] == [f"Ferrio running on http://127.0.0.1:{port} (Press CTRL+C to quit)"]
        with pytest.raises(SystemExit) as raised, socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            Config(asgi3, log_config=None, port=taken.getsockname()[1]).bind_socket()
        assert raised.value.code == 3 and "Address already in use" in caplog.text


def test_what_the_banner_says(tmp_path):
    options = {"workers": 2, "compress": "gzip,zstd", "metrics_path": "/m", "static": [("/files", "public")]}
    text = served(Config("hello:app", log_config=None, **options))
    assert text.startswith("hello:app with ferrio ")
    assert text.endswith(", 2 workers, files of public at /files, compressed by gzip or zstd, figures at /m")
    assert served(Config("x:app", log_config=None, reload=True)).endswith(", reloaded when files change")
    assert [name_of(each) for each in (asgi3, CallableOfASGI3())] == [
        f"{__name__}:asgi3",
        f"{__name__}:CallableOfASGI3",
    ]


def test_binding_a_path_and_a_descriptor(tmp_path, caplog):
    path = str(tmp_path / "app.sock")
    with Config(asgi3, log_config=None, uds=path).bind_socket() as bound:
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o666
        with Config(asgi3, log_config=None, fd=bound.fileno()).bind_socket() as same:
            assert same.getsockname() == path and same.fileno() != bound.fileno()
    os.chmod(path, 0o600)
    Config(asgi3, log_config=None, uds=path).bind_socket().close()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    (tmp_path / "file").write_text("no socket")
    with pytest.raises(SystemExit):
        Config(asgi3, log_config=None, uds=str(tmp_path / "file")).bind_socket()
    assert (tmp_path / "file").read_text() == "no socket"


def test_tls(tmp_path):
    import trustme

    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    chain, key, root = tmp_path / "chain.pem", tmp_path / "key.pem", tmp_path / "root.pem"
    certificate.cert_chain_pems[0].write_to_path(chain)
    certificate.private_key_pem.write_to_path(key)
    authority.cert_pem.write_to_path(root)
    options = {"ssl_certfile": chain, "ssl_keyfile": key}
    config = loaded(asgi3, ssl_ca_certs=root, ssl_cert_reqs=ssl.CERT_REQUIRED, **options)
    assert config.is_ssl and config.ssl.verify_mode == ssl.CERT_REQUIRED
    made = []
    config = loaded(asgi3, **options, ssl_context_factory=lambda _, usual: made.append(usual()) or made[0])
    assert config.ssl is made[0] and isinstance(made[0], ssl.SSLContext)
    with pytest.raises(TypeError, match=r"must return an `ssl\.SSLContext`, got str"):
        loaded(asgi3, ssl_context_factory=lambda *_: "none")
    with pytest.raises(RuntimeError, match="set ssl_certfile"):
        loaded(asgi3, ssl_keyfile=key)


def test_the_loop_is_ferrios():
    import ferrio

    loop = Config(asgi3, log_config=None, loop="asyncio").get_loop_factory()()
    assert isinstance(loop, ferrio.Loop)
    loop.close()


def test_setting_up_the_loop(policy):
    import asyncio

    import ferrio

    Config(asgi3, log_config=None).setup_event_loop()
    loop = asyncio.new_event_loop()
    assert isinstance(loop, ferrio.Loop)
    loop.close()


@pytest.mark.parametrize("suffix", ["json", "yaml", "ini"])
def test_logging_by_a_file(suffix, tmp_path):
    config = {"version": 1, "disable_existing_loggers": False, "loggers": {"uvicorn.asgi": {"level": "ERROR"}}}
    texts = {
        "json": json.dumps(config),
        "yaml": "version: 1\ndisable_existing_loggers: false\nloggers: {uvicorn.asgi: {level: ERROR}}\n",
        "ini": "[loggers]\nkeys=root,asgi\n[handlers]\nkeys=\n[formatters]\nkeys=\n[logger_root]\nhandlers=\n"
        "[logger_asgi]\nlevel=ERROR\nhandlers=\nqualname=uvicorn.asgi\n",
    }
    if suffix == "yaml":
        pytest.importorskip("yaml")
    path = tmp_path / f"logging.{suffix}"
    path.write_text(texts[suffix])
    Config(asgi3, log_config=path)
    assert logging.getLogger("uvicorn.asgi").level == logging.ERROR


@pytest.mark.parametrize("level", ["debug", "DEBUG", logging.DEBUG])
def test_levels(level):
    Config(asgi3, log_level=level)
    names = ("uvicorn.error", "uvicorn.access", "uvicorn.asgi")
    assert {logging.getLogger(name).level for name in names} == {logging.DEBUG}


def test_without_an_access_log():
    Config(asgi3, access_log=False)
    assert not logging.getLogger("uvicorn.access").hasHandlers()
    Config(asgi3)
    assert len(logging.getLogger("uvicorn.access").handlers) == 1


def test_the_configuration_of_logging_stays_what_it_is():
    before = json.dumps(LOGGING_CONFIG)
    Config(asgi3, access_log_format="json")
    assert json.dumps(LOGGING_CONFIG) == before and Path(__file__).exists()
