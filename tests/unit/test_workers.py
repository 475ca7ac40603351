"""`ferrio.workers` without gunicorn: what is said where a library is missing, and what a worker does before its own.

With them: ecosystem/test_servers_command.py.
"""

import asyncio
import sys
import types

import ferrio
import pytest
from ferrio import workers

LIBRARIES = {
    "UvicornWorker": ("uvicorn_worker", "UvicornWorker", "pip install gunicorn uvicorn uvicorn-worker"),
    "UvicornH11Worker": ("uvicorn_worker", "UvicornH11Worker", "pip install gunicorn uvicorn uvicorn-worker"),
    "AiohttpWorker": ("aiohttp.worker", "GunicornWebWorker", "pip install gunicorn aiohttp"),
    "ASGIWorker": ("gunicorn.workers.gasgi", "ASGIWorker", "pip install 'gunicorn>=24'"),
}


@pytest.fixture(autouse=True)
def fresh():
    """The classes are kept, once made: neither those of tests before nor those of fakes."""
    for name in LIBRARIES:
        vars(workers).pop(name, None)
    yield
    for name in LIBRARIES:
        vars(workers).pop(name, None)


@pytest.mark.parametrize("name", LIBRARIES)
def test_without_its_library(name, monkeypatch):
    module, _, remedy = LIBRARIES[name]
    for missing in (module, "uvicorn.workers"):
        monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError) as caught:
        getattr(workers, name)
    assert f"ferrio.workers.{name} " in str(caught.value) and str(caught.value).endswith(remedy)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", LIBRARIES)
@pytest.mark.usefixtures("policy")
def test_ferrio_is_installed_before_the_library_begins(name, monkeypatch):
    module, attribute, _ = LIBRARIES[name]
    seen = []

    class Theirs:
        CONFIG_KWARGS = types.MappingProxyType({"loop": "auto", "http": "auto"})

        def init_process(self):
            loop = asyncio.new_event_loop()
            seen.append((type(loop), self.cfg.asgi_loop))
            loop.close()

    class Settings:
        asgi_loop = "auto"

        def set(self, name, value):
            setattr(self, name, value)

    library = types.ModuleType(module)
    setattr(library, attribute, Theirs)
    monkeypatch.setitem(sys.modules, module, library)
    worker = getattr(workers, name)()
    worker.cfg = Settings()
    worker.init_process()
    assert seen == [(ferrio.Loop, "asyncio")]
    assert worker.CONFIG_KWARGS["loop"] == (workers.LOOP if "Uvicorn" in name else "auto")


def test_uvicorns_own_worker_where_there_is_no_other(monkeypatch):
    former = types.ModuleType("uvicorn.workers")
    former.UvicornWorker = type("UvicornWorker", (), {})
    monkeypatch.setitem(sys.modules, "uvicorn_worker", None)
    monkeypatch.setitem(sys.modules, "uvicorn.workers", former)
    assert issubclass(workers.UvicornWorker, former.UvicornWorker)


def test_names_that_are_none():
    with pytest.raises(ImportError, match="has no 'UvcornWorker'; its workers are UvicornWorker, "):
        _ = workers.UvcornWorker  # an AttributeError would have gunicorn say something else
    assert not hasattr(workers, "app")
    assert not set(LIBRARIES) & set(dir(workers)), "whoever goes through all names would import every library"
