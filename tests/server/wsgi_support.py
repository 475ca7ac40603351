"""WSGI applications for tests, and how they are served and asked."""

from wsgiref.validate import validator

import pytest
from server_support import ask, run, serving

ways = pytest.mark.parametrize("way", [{}, {"wsgi_on_loop": True}], ids=["threads", "on the loop"])
WRAPPED = {"compress": "gzip"}  # something stands in front of the application


PLAIN = [("Content-Type", "text/plain")]


def hello(environ, start_response):
    start_response("200 OK", PLAIN)
    return [b"hello"]


def saying(*start, blocks=(b"hello",), **named):
    """An application that calls start_response() with that."""

    def app(environ, start_response):
        start_response(*start, **named)
        return blocks

    return app


def valid(app):
    """Through the validator, which takes anything for a call and would pass for a factory."""
    checked = validator(app)
    return lambda environ, start_response: checked(environ, start_response)


def get(app, *arguments, validated=True, way=(), **options):
    async def main():
        served = valid(app) if validated else app
        async with serving(served, interface="wsgi", lifespan="off", **dict(way)) as port:
            return await ask(port, *arguments, **options)

    return run(main())
