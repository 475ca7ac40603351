"""Processes that look after serving processes: `Multiprocess` has several, `ChangeReload` one, anew for each change."""

from __future__ import annotations

from .multiprocess import Multiprocess
from .reload import ChangeReload

__all__ = ["ChangeReload", "Multiprocess"]
