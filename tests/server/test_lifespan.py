"""Start and end of an application: the same events, state and lines as uvicorn's LifespanOn, which is the oracle."""

import logging

import pytest
from ferrio.server import Config
from ferrio.server.lifespan import LifespanOff, LifespanOn
from server_support import run


async def good(scope, receive, send):
    scope["state"]["database"] = "open"
    assert (await receive())["type"] == "lifespan.startup"
    await send({"type": "lifespan.startup.complete"})
    assert (await receive())["type"] == "lifespan.shutdown"
    await send({"type": "lifespan.shutdown.complete"})


async def without(scope, receive, send):
    assert scope["type"] == "http"


async def ends_at_once(scope, receive, send):
    return


async def fails_to_start(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})


async def fails_to_start_silently(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed"})
    raise RuntimeError("and then this")


async def fails_to_end(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.failed", "message": "still in use"})
    raise RuntimeError("and then this")


async def raises_at_the_end(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    raise RuntimeError("at the end")


async def starts_twice(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.startup.complete"})


async def ends_before_it_starts(scope, receive, send):
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def says_nonsense(scope, receive, send):
    await receive()
    await send({"type": "http.response.start"})


APPS = (
    good,
    without,
    ends_at_once,
    fails_to_start,
    fails_to_start_silently,
    fails_to_end,
    raises_at_the_end,
    starts_twice,
    ends_before_it_starts,
    says_nonsense,
)


def events(lifespan_class, config, caplog):
    """What a lifespan comes to, and its lines."""

    async def main():
        lifespan = lifespan_class(config)
        await lifespan.startup()
        started = lifespan.should_exit, lifespan.error_occurred
        if not lifespan.should_exit:
            await lifespan.shutdown()
        return started, lifespan.should_exit, lifespan.error_occurred, lifespan.startup_failed, lifespan.state

    caplog.clear()
    with caplog.at_level(logging.INFO, "uvicorn.error"):
        outcome = run(main())
    lines = [(each.levelname, each.getMessage(), repr(each.exc_info and each.exc_info[1])) for each in caplog.records]
    return outcome, lines


@pytest.mark.parametrize("mode", ["auto", "on"])
@pytest.mark.parametrize("app", APPS, ids=lambda app: app.__name__)
def test_the_same_as_uvicorn(app, mode, caplog):
    uvicorn = pytest.importorskip("uvicorn")
    theirs = pytest.importorskip("uvicorn.lifespan.on").LifespanOn
    expected = events(theirs, uvicorn.Config(app, lifespan=mode, log_config=None), caplog)
    outcome, lines = events(LifespanOn, Config(app, lifespan=mode, log_config=None), caplog)
    reasons = ("AssertionError(", "unexpected message")  # of misuse, whose words are ours
    differ = [pair for pair in zip(lines, expected[1], strict=True) if pair[0] != pair[1]]
    assert outcome == expected[0]
    assert all(ours[:2] == them[:2] and ours[2].startswith(reasons) for ours, them in differ)


def test_state_is_what_the_application_puts_there(caplog):
    (outcome, _) = events(LifespanOn, Config(good, log_config=None), caplog)
    assert outcome[-1] == {"database": "open"}


def test_off_does_nothing():
    async def main():
        lifespan = LifespanOff(Config(good, lifespan="off", log_config=None))
        await lifespan.startup()
        await lifespan.shutdown()
        return lifespan.should_exit, lifespan.state

    assert run(main()) == (False, {})


def test_the_scope_of_asgi_2(caplog):
    seen = []

    def app(scope):
        seen.append(scope["asgi"])

        async def instance(receive, send):
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})

        return instance

    events(LifespanOn, Config(app, lifespan="on", log_config=None), caplog)
    assert seen == [{"version": "2.0", "spec_version": "2.0"}]
