"""examples/python/fastapi_app, under uvicorn and `ferrio serve`: both kinds of endpoints, orders in a database,
work after the response, the end.

The database is SQLite in a folder of the test's. FERRIO_TEST_POSTGRESQL, an address with a user who may create
tables in an empty database, adds PostgreSQL.
"""

import json
import os
import socket
import urllib.error
import urllib.request

import pytest
from programs import Program, run, serving

DATABASES = ["sqlite"] + ["postgresql"] * ("FERRIO_TEST_POSTGRESQL" in os.environ)
NEEDS = ("fastapi", "uvicorn", "sqlalchemy", "aiosqlite")


def program(database, folder, *arguments):
    url = {"sqlite": f"sqlite:///{folder}/orders.db", "postgresql": os.environ.get("FERRIO_TEST_POSTGRESQL", "")}
    arguments = arguments or ("--port", "0")
    return Program("fastapi_app/main.py", arguments, needs=NEEDS, environment={"DATABASE_URL": url[database]})


def ask(address, path, body=None, method=None):
    """The status, the headers and what was said."""
    data = None if body is None else body.encode()
    request = urllib.request.Request(address + path, data, {"Content-Type": "application/json"}, method=method)
    try:
        response = urllib.request.urlopen(request, timeout=10)
    except urllib.error.HTTPError as refused:
        response = refused
    with response:
        text = response.read()
        return response.status, response.headers, json.loads(text) if text else None


def order(address, item, amount=1):
    return ask(address, "/orders", json.dumps({"item": item, "amount": amount}))


def until_notified(server, number):
    """The order, once its notification went out: the server says it, and then the database knows."""
    while not ask(server.address, f"/orders/{number}")[2]["notified"]:
        pass  # each request takes its time: this is no busy loop, and the guard of all tests ends it
    return ask(server.address, f"/orders/{number}")[2]


def test_endpoints_run_where_they_should(loop, strict, tmp_path):
    with serving(loop, program("sqlite", tmp_path), strict) as server:
        assert ask(server.address, "/sync")[2] == {"kind": "sync", "main_thread": False}
        assert ask(server.address, "/async")[2] == {"kind": "async", "main_thread": True, "loop": loop}
    assert server.lines[1:] == ["stopped\n"]


def test_ferrio_serves_it_without_uvicorn(strict, tmp_path):
    url = {"DATABASE_URL": f"sqlite:///{tmp_path}/orders.db"}
    service = Program("fastapi_app", ("main:app", "--port", "0"), needs=NEEDS, environment=url, logs=True)
    with serving("serve", service, strict) as server:
        assert ask(server.address, "/async")[2] == {"kind": "async", "main_thread": True, "loop": "ferrio"}
        status, headers, tea = order(server.address, "tea", 2)
        assert (status, headers["Location"], headers["server"]) == (201, f"/orders/{tea['id']}", "ferrio")
        assert order(server.address, "")[0] == 422
    assert "notified: 2 x tea\n" in server.lines  # though Ctrl-C came first


@pytest.mark.parametrize("database", DATABASES)
def test_orders_are_kept_and_told_after_the_response(loop, strict, database, tmp_path):
    service = program(database, tmp_path)
    with serving(loop, service, strict) as server:
        status, headers, tea = order(server.address, "  tea ", 2)
        number = tea["id"]
        assert (status, headers["Location"]) == (201, f"/orders/{number}")
        assert tea == {"id": number, "item": "tea", "amount": 2, "notified": False}
        assert until_notified(server, number) == tea | {"notified": True}
    assert server.lines[1:] == ["notified: 2 x tea\n", "stopped\n"]
    with serving(loop, service, strict) as server:  # a new start, the same database
        assert tea | {"notified": True} in ask(server.address, "/orders")[2]
        assert ask(server.address, f"/orders/{number}", method="DELETE")[0] == 204
        status, _, said = ask(server.address, f"/orders/{number}")
        assert (status, said["detail"]) == (404, f"there is no order {number}; GET /orders lists those there are")
        assert ask(server.address, f"/orders/{number}", method="DELETE")[0] == 404


@pytest.mark.parametrize("database", DATABASES)
def test_what_is_not_an_order_is_refused(loop, database, tmp_path):
    with serving(loop, program(database, tmp_path), strict=True) as server:
        for body, where in [
            ('{"item": ""}', ["body", "item"]),
            ('{"item": "   "}', ["body", "item"]),
            ('{"item": "a\\u0000b"}', ["body", "item"]),
            ('{"item": "\\ud800"}', ["body", "item"]),
            (json.dumps({"item": "x" * 81}), ["body", "item"]),
            ('{"item": "tea", "amount": 0}', ["body", "amount"]),
            ('{"item": "tea", "amount": 1001}', ["body", "amount"]),
            ('{"amount": 1}', ["body", "item"]),
            ("[]", ["body"]),
            ("{", ["body", 1]),
        ]:
            status, _, said = ask(server.address, "/orders", body)
            assert (status, [wrong["where"] for wrong in said["detail"]]) == (422, [where]), body
        for number in ("0", "-1", "one", str(2**31), "9" * 30):
            status, _, said = ask(server.address, f"/orders/{number}")
            assert (status, said["detail"][0]["where"]) == (422, ["path", "number"])
        assert ask(server.address, "/nothing")[0] == 404
        assert ask(server.address, "/orders", method="PUT")[0] == 405
        assert order(server.address, "'; drop table orders; -- <b>")[2]["item"] == "'; drop table orders; -- <b>"


def test_ctrl_c_waits_for_what_was_promised(loop, strict, tmp_path):
    """The response is out and the notification is not: it still goes out, before the database is closed."""
    with serving(loop, program("sqlite", tmp_path), strict) as server:
        assert order(server.address, "bread")[0] == 201
    assert server.lines[1:] == ["notified: 1 x bread\n", "stopped\n"]


def test_ctrl_c_ends_idle_connections(loop, strict, tmp_path):
    with serving(loop, program("sqlite", tmp_path), strict) as server:
        host, port = server.address.removeprefix("http://").split(":")
        client = socket.create_connection((host, int(port)))
        client.sendall(b"GET /async HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")
    with client:
        client.settimeout(10)
        while client.recv(1000):
            pass


def test_a_database_that_is_not_there_is_named(loop, tmp_path):
    missing = tmp_path / "nowhere"
    finished = run(loop, program("sqlite", missing))
    assert (finished.status, finished.out) == (3, "")
    url = f"sqlite+aiosqlite:///{missing}/orders.db"
    assert f"the database {url}: unable to open database file; start it or unset DATABASE_URL" in finished.err
