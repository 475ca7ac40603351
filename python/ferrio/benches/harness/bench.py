"""What a row is given in its own process: the loop under test, and the time to spend. Must not know any row."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from .window import Window


@dataclass(frozen=True)
class Settings:
    """What the command line decided; crosses from the runner to the measuring process."""

    warmup: float
    seconds: float
    quick: bool
    server_cpu: int | None = None


@dataclass
class Bench:
    """The loop under test."""

    loop: asyncio.AbstractEventLoop
    settings: Settings
    notes: list[str] = field(default_factory=list)

    def window(self) -> Window:
        """The measuring window, for a row without a load client."""
        return Window(self.settings.warmup, self.settings.seconds)

    def scaled(self, full: int, quick: int) -> int:
        """A size that --quick reduces."""
        return quick if self.settings.quick else full
