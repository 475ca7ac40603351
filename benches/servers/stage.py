"""What a row is given: servers, one after the other, and the load for them. `once` makes one measurement.

Must not know any row or any server's options.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..harness import build, client, tls
from ..harness.bench import Settings, per_operation
from ..installed.harness.bench import Settings as PlainSettings
from ..installed.harness.contenders import Contender
from ..installed.harness.row import Figures, Row
from . import contenders
from .check import Unsupported
from .contenders import Place, Service
from .server import Server, environment, free_port

APPS = Path(__file__).resolve().with_name("apps")


@dataclass(frozen=True)
class Stage:
    """One contender, and the means to start and load it. `database`: how asyncpg is to connect, or nothing."""

    settings: Settings
    database: str = ""
    contender: Contender | None = None

    def once(self, row: Row, contender: Contender, settings: PlainSettings) -> dict[str, Any]:
        """One measurement of that contender: figures, a problem, or what it does not have."""
        try:
            return {"figures": row.measure(replace(self, contender=contender))}
        except Unsupported as error:
            return {"unsupported": str(error)}
        except (RuntimeError, OSError, ValueError) as error:
            return {"problem": f"{type(error).__name__}: {error}"}

    @contextmanager
    def serve(self, service: Service) -> Iterator[Server]:
        """The contender at work, as long as the `with` lasts. What it said is added to what goes wrong with it."""
        assert self.contender is not None
        place = Place(self.contender.python, free_port(), str(tls.certificate()) if service.secured else "")
        command = contenders.command(self.contender, service, place)
        more = {"PYTHONPATH": str(APPS), "PYTHONDONTWRITEBYTECODE": "1"}
        if self.database:
            more["BENCH_DATABASE"] = self.database
        with Server(command, place.port, environment(**more)) as server:
            try:
                yield server
            except (RuntimeError, OSError, ValueError) as error:
                raise RuntimeError(f"{error}; the server said: {server.why()}") from None

    def load(self, server: Server, secured: bool = False, **options: Any) -> Figures:
        """What the client measured, and the CPU time of all the server's processes for each round trip."""
        settings = self.settings
        timed = {"warmup": settings.warmup, "seconds": settings.seconds, **options}
        path, mode = (str(build.tls_client()), "http") if secured else (settings.client, "echo")
        with self._client(path, mode, server, timed) as answer:
            return answer | per_operation(answer)

    @contextmanager
    def settled(self, server: Server, **options: Any) -> Iterator[None]:
        """Connections that have each made one round trip, as long as the `with` lasts."""
        with self._client(self.settings.client, "settle", server, options):
            yield

    @contextmanager
    def _client(self, path: str, mode: str, server: Server, options: client.Options) -> Iterator[Figures]:
        whole = {
            "to": f"tcp:{server.port}",
            "server": ",".join(map(str, server.processes())),
            "parent": os.getpid(),
            **options,
        }
        process = client.start(path, mode, self.settings.client_cpu, whole)
        try:
            answer, reason = client.report(process)
            if reason:
                raise RuntimeError(reason)
            yield answer
        finally:
            client.finish(process)
