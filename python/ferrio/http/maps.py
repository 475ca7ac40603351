"""`ETag` and `ChainMapProxy`, which aiohttp has for servers and clients alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, final


@dataclass(frozen=True, slots=True)
class ETag:
    """A version of a resource."""

    value: str
    is_weak: bool = False


@final
class ChainMapProxy(Mapping[Any, Any]):
    """Several mappings as one that cannot be changed: the first that has a key is asked."""

    __slots__ = ("_maps",)

    def __init__(self, maps: Iterable[Mapping[Any, Any]]) -> None:
        self._maps = tuple(maps)

    def __init_subclass__(cls) -> None:
        raise TypeError(f"Inheritance class {cls.__name__} from ChainMapProxy is forbidden")

    def __getitem__(self, key: Any) -> Any:
        for each in self._maps:
            if key in each:
                return each[key]
        raise KeyError(key)

    def __len__(self) -> int:
        return len(set(chain.from_iterable(self._maps)))

    def __iter__(self) -> Iterator[Any]:
        return iter({key: None for each in reversed(self._maps) for key in each})

    def __contains__(self, key: object) -> bool:
        return any(key in each for each in self._maps)

    def __bool__(self) -> bool:
        return any(self._maps)

    def __repr__(self) -> str:
        return f"ChainMapProxy({', '.join(map(repr, self._maps))})"
