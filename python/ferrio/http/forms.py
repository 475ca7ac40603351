"""`FormData`: the fields of a form, as `multipart/form-data` where one is a file, else as they stand in a URL.

Owns what a field is made of; multipart.py writes the parts. `streamer` is here, too, which aiohttp has from before
asynchronous generators.
"""

from __future__ import annotations

import io
import types
import warnings
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import urlencode

from multidict import MultiDict, MultiDictProxy

from . import hdrs
from .mime import guess_filename
from .multipart import MultipartWriter
from .payloads import BytesPayload, Payload, get_payload, payload_type, safe_header


class FormData:
    """A form: fields, and files among them."""

    def __init__(
        self,
        fields: Iterable[Any] = (),
        quote_fields: bool = True,
        charset: str | None = None,
        *,
        default_to_multipart: bool = False,
    ) -> None:
        self._writer = MultipartWriter("form-data")
        self._fields: list[tuple[MultiDict[str], dict[str, str], Any]] = []
        self._is_multipart = default_to_multipart
        self._quote_fields = quote_fields
        self._charset = charset
        if isinstance(fields, dict):
            fields = list(fields.items())
        elif not isinstance(fields, list | tuple):
            fields = (fields,)
        self.add_fields(*fields)

    @property
    def is_multipart(self) -> bool:
        """Whether it will be `multipart/form-data`."""
        return self._is_multipart

    def add_field(
        self,
        name: str,
        value: Any,
        *,
        content_type: str | None = None,
        filename: str | None = None,
        content_transfer_encoding: str | None = None,
    ) -> None:
        """One more field."""
        if isinstance(value, io.IOBase):
            self._is_multipart = True
        elif isinstance(value, bytes | bytearray | memoryview) and filename is None is content_transfer_encoding:
            warnings.warn(
                "In v4, passing bytes will no longer create a file field. "
                "Please explicitly use the filename parameter or pass a BytesIO object.",
                DeprecationWarning,
                stacklevel=2,
            )
            filename = name
        options: MultiDict[str] = MultiDict({"name": safe_header(name)})
        if filename is None and isinstance(value, io.IOBase):
            filename = guess_filename(value, name)
        if filename is not None:
            options["filename"] = safe_header(_text("filename", filename))
            self._is_multipart = True
        headers: dict[str, str] = {}
        if content_type is not None:
            headers[hdrs.CONTENT_TYPE] = safe_header(_text("content_type", content_type))
            self._is_multipart = True
        if content_transfer_encoding is not None:
            _text("content_transfer_encoding", content_transfer_encoding)
            warnings.warn(
                "content_transfer_encoding is deprecated. "
                "To maintain compatibility with v4 please pass a BytesPayload.",
                DeprecationWarning,
                stacklevel=2,
            )
            self._is_multipart = True
        self._fields.append((options, headers, value))

    def add_fields(self, *fields: Any) -> None:
        """More fields: pairs, files, and multidicts of them."""
        for field in fields:
            if isinstance(field, io.IOBase):
                self.add_field(guess_filename(field, "unknown") or "unknown", field)
            elif isinstance(field, MultiDictProxy | MultiDict):
                self.add_fields(*field.items())
            elif isinstance(field, list | tuple) and len(field) == 2:
                self.add_field(field[0], field[1])
            else:
                raise TypeError(
                    "Only io.IOBase, multidict and (name, file) pairs allowed, "
                    f"use .add_field() for passing more complex parameters, got {field!r}"
                )

    def __call__(self) -> Payload:
        """The body. A form with files is used up by it."""
        return self._as_parts() if self._is_multipart else self._as_query()

    def _as_query(self) -> BytesPayload:
        charset = self._charset or "utf-8"
        pairs = [(options["name"], value) for options, _, value in self._fields]
        kind = "application/x-www-form-urlencoded"
        return BytesPayload(
            urlencode(pairs, doseq=True, encoding=charset).encode(),
            content_type=kind if charset == "utf-8" else f"{kind}; charset={charset}",
        )

    def _as_parts(self) -> MultipartWriter:
        for options, headers, value in self._fields:
            kind = {"content_type": headers[hdrs.CONTENT_TYPE]} if hdrs.CONTENT_TYPE in headers else {}
            try:
                part = get_payload(value, headers=headers, encoding=self._charset, **kind)
            except Exception as error:
                raise TypeError(
                    f"Can not serialize value type: {type(value)!r}\n headers: {headers!r}\n value: {value!r}"
                ) from error
            part.set_content_disposition("form-data", quote_fields=self._quote_fields, **options)
            part.headers.popall(hdrs.CONTENT_LENGTH, None)
            self._writer.append_payload(part)
        self._fields.clear()
        return self._writer


class _Stream:
    def __init__(self, function: Callable[..., Awaitable[None]], args: Any, kwargs: Any) -> None:
        self.function: Callable[..., Awaitable[None]] = types.coroutine(function)
        self.args = args
        self.kwargs = kwargs

    async def __call__(self, writer: Any) -> None:
        await self.function(writer, *self.args, **self.kwargs)


class streamer:
    """A coroutine function that is given a writer, as a body. Asynchronous generators are what is used today."""

    def __init__(self, coro: Callable[..., Awaitable[None]]) -> None:
        warnings.warn("@streamer is deprecated, use async generators instead", DeprecationWarning, stacklevel=2)
        self.coro = coro

    def __call__(self, *args: Any, **kwargs: Any) -> _Stream:
        return _Stream(self.coro, args, kwargs)


@payload_type((_Stream, streamer))
class StreamPayload(Payload):
    """What such a function writes."""

    def __init__(self, value: _Stream | streamer, *args: Any, **kwargs: Any) -> None:
        super().__init__(value() if isinstance(value, streamer) else value, *args, **kwargs)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        raise TypeError("Unable to decode.")

    async def write(self, writer: Any) -> None:
        await self._value(writer)


def _text(name: str, value: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be an instance of str. Got: {value}")
    return value
