"""Media types, and `Content-Disposition`: read from a header, and written into one.

Owns the grammar of the two; what they are used for is others'.
"""

from __future__ import annotations

import builtins
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import HeaderParser
from email.policy import HTTP
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar
from urllib.parse import quote, unquote

from multidict import MultiDict, MultiDictProxy

T = TypeVar("T")
MOST_KNOWN: Final = 64
CHAR = "".join(map(chr, range(128)))
TOKEN = frozenset(CHAR) - frozenset(map(chr, range(32))) - frozenset("\x7f" + ' ()<>@,;:\\"/[]?={}\t')
QUOTED = frozenset(map(chr, range(32, 127))) | {"\t"}
TO_ESCAPE = re.compile(r"[^\041\043-\133\135-\176]")
ESCAPED = re.compile(rf"\\([{''.join(map(re.escape, CHAR))}])")


@dataclass(frozen=True, slots=True)
class MimeType:
    """A media type in parts."""

    type: str
    subtype: str
    suffix: str
    parameters: MultiDictProxy[str]


def parse_mimetype(mimetype: str) -> MimeType:
    """`application/vnd.api+json; charset=utf-8` in its parts; nothing is refused."""
    if (known := _MIMETYPES.get(mimetype)) is not None:
        return known
    full, *items = mimetype.split(";")
    parameters: MultiDict[str] = MultiDict()
    for item in items:
        if item.strip():
            key, _, value = item.partition("=")
            parameters.add(key.lower().strip(), value.strip(' "'))
    full = full.strip().lower()
    kind, _, rest = ("*/*" if full == "*" else full).partition("/")
    subtype, _, suffix = rest.partition("+")
    return _remember(_MIMETYPES, mimetype, MimeType(kind, subtype, suffix, MultiDictProxy(parameters)))


class _OctetsByDefault(EmailMessage):
    def __init__(self) -> None:
        super().__init__()
        self.set_default_type("application/octet-stream")

    def get_content_type(self) -> str:
        kind = str(self.get("content-type", "")).lower().partition(";")[0].strip()
        return kind if kind.count("/") == 1 else self.get_default_type()


def parse_content_type(raw: str) -> tuple[str, Mapping[str, str]]:
    """The type of a `Content-Type` and its parameters, by the rules of mail."""
    if (known := _CONTENT_TYPES.get(raw)) is not None:
        return known
    message: Any = HeaderParser(_OctetsByDefault, policy=HTTP).parsestr(f"Content-Type: {raw}")
    parts = message.get_content_type(), MappingProxyType(dict(message.get_params(())[1:]))
    return _remember(_CONTENT_TYPES, raw, parts)


def _remember(known: dict[str, T], text: str, parts: T) -> T:
    """Servers send the same few again and again."""
    if len(known) >= MOST_KNOWN:
        known.clear()
    known[text] = parts
    return parts


_MIMETYPES: dict[str, MimeType] = {}
_CONTENT_TYPES: dict[str, tuple[str, Mapping[str, str]]] = {}


class BadContentDispositionHeader(RuntimeWarning):
    """A `Content-Disposition` that cannot be read."""


class BadContentDispositionParam(RuntimeWarning):
    """A parameter of one that cannot be read."""


@dataclass(frozen=True, slots=True)
class ContentDisposition:
    """A `Content-Disposition` in parts."""

    type: str | None
    parameters: Mapping[str, str]
    filename: str | None


def parse_content_disposition(header: str | None) -> tuple[str | None, dict[str, str]]:
    """The type and the parameters; what cannot be read is warned of."""
    if not header:
        return None, {}
    kind, *rest = header.split(";")
    kind = kind.strip()
    parameters: dict[str, str] | None = _parameters(header, rest) if _is_token(kind) else None
    if parameters is None:
        warnings.warn(BadContentDispositionHeader(header), stacklevel=2)
        return None, {}
    return kind.lower(), parameters


def content_disposition_filename(params: Mapping[str, str], name: str = "filename") -> str | None:
    """A parameter's value, whichever way it was written: plain, extended, or in pieces."""
    if f"{name}*" in params:
        return params[f"{name}*"]
    if name in params:
        return params[name]
    pieces = []
    for number, (key, value) in enumerate(sorted(item for item in params.items() if item[0].startswith(f"{name}*"))):
        if key.partition("*")[2].removesuffix("*") != str(number):
            break
        pieces.append(value)
    whole = "".join(pieces)
    if not pieces or "'" not in whole:
        return whole if pieces else None
    encoding, _, text = whole.split("'", 2)
    return _unquoted(text, encoding)


def content_disposition_header(disptype: str, quote_fields: bool = True, _charset: str = "utf-8", **params: str) -> str:
    """The header for a type and its parameters."""
    if not disptype or not set(disptype) < TOKEN:
        raise ValueError(f"bad content disposition type {disptype!r}")
    pieces = [disptype]
    for key, value in params.items():
        if not key or not set(key) < TOKEN:
            raise ValueError(f"bad content disposition parameter {key!r}={value!r}")
        pieces.append(_parameter(key, value, _charset) if quote_fields else f'{key}="{_backslashed(value)}"')
    return "; ".join(pieces)


def guess_filename(file: object, default: str | None = None) -> str | None:
    """What a file's name is for the other side: without its folders."""
    name = getattr(file, "name", None)
    if isinstance(name, str) and name and name[0] != "<" and name[-1] != ">":
        return Path(name).name
    return default


def _parameter(key: str, value: str, charset: str) -> str:
    if key.lower() == "filename":
        return f'{key}="{quote(value, "", encoding=charset)}"'
    if set(value) < QUOTED:
        return f'{key}="{TO_ESCAPE.sub(lambda found: chr(92) + found[0], value)}"'
    return f"{key}*={charset}''{quote(value, '', encoding=charset)}"


def _backslashed(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def _parameters(header: str, parts: list[str]) -> dict[str, str] | None:
    """What follows the type; None where it makes no sense at all."""
    found: dict[str, str] = {}
    while parts:
        item = parts.pop(0)
        if not item:
            warnings.warn(BadContentDispositionHeader(header), stacklevel=3)
            continue
        key, equals, value = item.partition("=")
        key, value = key.lower().strip(), value.lstrip()
        if not equals or key in found:
            return None
        if not _is_token(key) or (read := _value(key, value, parts)) is None:
            warnings.warn(BadContentDispositionParam(item), stacklevel=3)
        elif read is False:
            return None
        else:
            found[key] = str(read)
    return found


def _value(key: str, value: str, parts: list[str]) -> str | bool | None:
    """A parameter's value; None: leave out the parameter, False: the whole header is bad."""
    star = key.find("*")
    if star != -1 and key[star + 1 :].removesuffix("*").isdigit():
        return _unescaped(value[1:-1]) if _is_quoted(value) else value if _is_token(value) else None
    if key.endswith("*"):
        if not _is_token(value) or value.count("'") != 2:
            return None
        encoding, _, text = value.split("'", 2)
        return _unquoted(text, encoding)
    if _is_quoted(value.rstrip()):
        return _unescaped(value.rstrip()[1:-1].lstrip("\\/"))
    if _is_token(value):
        return value
    if parts and _is_quoted(joined := f"{value};{parts[0]}"):
        parts.pop(0)
        return _unescaped(joined[1:-1].lstrip("\\/"))
    return False


def _unquoted(text: str, encoding: str) -> str | None:
    try:
        return unquote(text, encoding or "utf-8", "strict")
    except (builtins.LookupError, UnicodeDecodeError):
        return None


def _unescaped(text: str) -> str:
    return ESCAPED.sub(r"\1", text)


def _is_token(text: str) -> bool:
    return bool(text) and set(text) <= TOKEN


def _is_quoted(text: str) -> bool:
    return len(text) >= 2 and text[0] == text[-1] == '"'
