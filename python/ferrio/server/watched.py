"""Which folders and files `--reload` watches: folders as given, folders and files as patterns name them.

Must not know who watches.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class Watched(NamedTuple):
    """What is to be watched, and what not. `missing` folders were named, and none is there."""

    dirs: list[Path]
    dirs_excludes: list[Path]
    includes: list[str]
    excludes: list[str]
    missing: list[str]


def watched(dirs: Iterable[str], includes: list[str], excludes: list[str]) -> Watched:
    """Resolve what was asked for; without any folder, the current one is watched."""
    named = list(dirs)
    included, folders = resolve(includes, named)
    excluded, left_out = resolve(excludes, [])
    folders = [each for each in folders if each not in left_out and not set(left_out) & set(each.parents)]
    included = [pattern for pattern in included if pattern not in excluded]
    return Watched(folders or [Path.cwd()], left_out, included, excluded, [] if folders else named)


def resolve(patterns: list[str], folders: list[str]) -> tuple[list[str], list[Path]]:
    """The patterns, and the folders that are named or match, without those that lie in another one.

    `.*` is about files only: as folders it would mean all hidden ones.
    """
    found = [Path(folder) for folder in folders]
    for pattern in patterns:
        if pattern == ".*":
            continue
        found += [Path(pattern)] if _is_folder(Path(pattern)) else Path.cwd().glob(pattern)
    there = {each.resolve() for each in found if _is_folder(each)}
    return list(dict.fromkeys(patterns)), [each for each in there if not there & set(each.parents)]


def as_list(value: list[str] | str | None) -> list[str]:
    """One text or several, or none; each of them once."""
    return [value] if isinstance(value, str) else list(dict.fromkeys(value or []))


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False
