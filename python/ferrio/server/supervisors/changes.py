"""Which files changed: by watchfiles, or by looking at their times. `FileFilter` knows which of them count."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ..config import Config

INCLUDES, EXCLUDES = ("*.py",), (".*", ".py[cod]", ".sw.*", "~*")
logger = logging.getLogger("uvicorn.error")


@runtime_checkable
class Changes(Protocol):
    """Whoever finds out what changed."""

    name: str

    def look(self) -> Iterable[Path]:
        """What changed since the last look."""
        ...


class FileFilter:
    """Whether a file that changed means a reload: patterns, folders, and the defaults that no pattern names."""

    def __init__(self, config: Config) -> None:
        self.includes = {*config.reload_includes, *(each for each in INCLUDES if each not in config.reload_excludes)}
        excludes = [*config.reload_excludes, *(each for each in EXCLUDES if each not in config.reload_includes)]
        self.exclude_dirs = [Path(each).resolve() for each in excludes if _is_folder(each)]
        self.excludes = {each for each in excludes if not _is_folder(each)}

    def __call__(self, path: Path) -> bool:
        matching = [pattern for pattern in self.includes if path.match(pattern)]
        if any(str(path).endswith(pattern) for pattern in matching):
            return True  # named by its whole name: no pattern outweighs that
        left_out = any(path.match(each) for each in self.excludes) or set(self.exclude_dirs) & set(path.parents)
        return bool(matching) and not left_out


class WatchFiles:
    """By watchfiles, which the kernel tells."""

    name = "WatchFiles"

    def __init__(self, config: Config, should_exit: threading.Event) -> None:
        watchfiles: Any = import_module("watchfiles")
        self._found: Iterator[Any] = watchfiles.watch(
            *config.reload_dirs,
            watch_filter=None,
            stop_event=should_exit,
            yield_on_timeout=True,
            rust_timeout=500,
            raise_interrupt=False,
            ignore_permission_denied=True,
        )

    def look(self) -> Iterable[Path]:
        return {Path(path) for _, path in next(self._found, ())}


class StatReload:
    """By the times of the files, which are all looked at each time. What appears or goes counts, too."""

    name = "StatReload"

    def __init__(self, config: Config) -> None:
        self._config = config
        self._filter = FileFilter(config)
        self._times = self._look()

    def look(self) -> Iterable[Path]:
        before, self._times = self._times, self._look()
        return {path for path, _ in before.items() ^ self._times.items()}

    def _look(self) -> dict[Path, int]:
        times: dict[Path, int] = {}
        for folder in self._config.reload_dirs:
            for root, folders, files in os.walk(folder):
                folders[:] = [each for each in folders if not each.startswith(".") and each != "__pycache__"]
                for path in (Path(root, name) for name in files):
                    if self._filter(path):
                        try:
                            times[path] = path.stat().st_mtime_ns
                        except OSError:
                            continue
        return times


def changes_of(config: Config, should_exit: threading.Event) -> Changes:
    """By the best means there is."""
    try:
        return WatchFiles(config, should_exit)
    except ImportError:
        return StatReload(config)


def _is_folder(text: str) -> bool:
    try:
        return Path(text).is_dir()
    except OSError:
        return False
