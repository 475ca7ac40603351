"""Digest authentication (RFC 7616), as a middleware: `ClientSession(middlewares=[DigestAuthMiddleware("a", "b")])`.

Owns the challenge, the counter of its nonce and where it holds. Invariants: the answer to a challenge goes only to
where the challenge came from, and the password stands in no header and no repr. What begins with `_` is named as in
aiohttp, whose own tests look at it.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from yarl import URL

from . import hdrs
from .errors import ClientError
from .payloads import Payload
from .requests import ClientRequest
from .response import ClientResponse

PAIR: Final = re.compile(r'(?:^|\s|,\s*)((?>\w+))(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+)))?')
FIELDS: Final = ("realm", "nonce", "qop", "algorithm", "opaque", "domain", "stale")
QUOTED: Final = frozenset({"username", "realm", "nonce", "uri", "response", "opaque", "cnonce"})
HASHES: Final[dict[str, Callable[[bytes], Any]]] = {
    f"{name}{session}": function
    for function, names in (
        (hashlib.md5, ("MD5",)),
        (hashlib.sha1, ("SHA",)),
        (hashlib.sha256, ("SHA256", "SHA-256")),
        (hashlib.sha512, ("SHA512", "SHA-512")),
    )
    for name in names
    for session in ("", "-SESS")
}


class DigestAuthMiddleware:
    """Answers a server's challenge, and later ones before they are made."""

    def __init__(self, login: str, password: str, preemptive: bool = True) -> None:
        if login is None:
            raise ValueError("None is not allowed as login value")
        if password is None:
            raise ValueError("None is not allowed as password value")
        if ":" in login:
            raise ValueError('A ":" is not allowed in username (RFC 1945#section-11.1)')
        self._login = login
        self._password = password.encode()
        self._preemptive = preemptive
        self._challenge: dict[str, str] = {}
        self._last_nonce_bytes = b""
        self._nonce_count = 0
        self._protection_space: list[str] = []
        self._origin: URL | None = None

    async def __call__(
        self, request: ClientRequest, handler: Callable[[ClientRequest], Awaitable[ClientResponse]]
    ) -> ClientResponse:
        origin = request.url.origin()
        if self._origin is None:
            self._origin = origin
        elif origin != self._origin and not self._in_protection_space(request.url):
            return await handler(request)
        if self._preemptive and self._challenge and self._in_protection_space(request.url):
            request.headers[hdrs.AUTHORIZATION] = await self._encode(request.method, request.url, request.body)
        response = await handler(request)
        if self._authenticate(response):
            request.headers[hdrs.AUTHORIZATION] = await self._encode(request.method, request.url, request.body)
            response = await handler(request)
            self._authenticate(response)
        return response

    async def _encode(self, method: str, url: URL, body: Payload | bytes) -> str:
        """The value of `Authorization`."""
        challenge = self._challenge
        for name in ("realm", "nonce"):
            if name not in challenge:
                raise ClientError(f"Malformed Digest auth challenge: Missing '{name}' parameter")
        if not challenge["nonce"]:
            raise ClientError("Security issue: Digest auth challenge contains empty 'nonce' value")
        algorithm = challenge.get("algorithm", "MD5")
        kind = algorithm.upper()
        qop = _protection(challenge.get("qop", ""))
        if kind not in HASHES:
            raise ClientError(
                f"Digest auth error: Unsupported hash algorithm: {kind}. "
                f"Supported algorithms: {', '.join(sorted(HASHES))}"
            )
        nonce = challenge["nonce"].encode()
        self._nonce_count = self._nonce_count + 1 if nonce == self._last_nonce_bytes else 1
        self._last_nonce_bytes = nonce
        count, own = f"{self._nonce_count:08x}", self._own_nonce()
        fields = {
            "username": _escaped(self._login),
            "realm": _escaped(challenge["realm"]),
            "nonce": _escaped(challenge["nonce"]),
            "uri": url.raw_path_qs,
            "response": await self._response(kind, method, url.raw_path_qs, body, qop, count, own),
            "algorithm": algorithm,
        }
        if challenge.get("opaque"):
            fields["opaque"] = _escaped(challenge["opaque"])
        if qop:
            fields |= {"qop": qop, "nc": count, "cnonce": own}
        pairs = (f'{name}="{value}"' if name in QUOTED else f"{name}={value}" for name, value in fields.items())
        return f"Digest {', '.join(pairs)}"

    async def _response(
        self, kind: str, method: str, path: str, body: Payload | bytes, qop: str, count: str, own: str
    ) -> str:
        def hashed(*parts: bytes) -> bytes:
            return HASHES[kind](b":".join(parts)).hexdigest().encode()  # type: ignore[no-any-return]

        nonce = self._last_nonce_bytes
        what = f"{method.upper()}:{path}".encode()
        if qop == "auth-int":
            entity = await body.as_bytes() if isinstance(body, Payload) else body
            what = what + b":" + hashed(entity)
        who = hashed(self._login.encode(), self._challenge["realm"].encode(), self._password)
        if kind.endswith("-SESS"):
            who = hashed(who, nonce, own.encode())
        if not qop:
            return hashed(who, nonce, hashed(what)).decode()
        return hashed(who, nonce, count.encode(), own.encode(), qop.encode(), hashed(what)).decode()

    def _own_nonce(self) -> str:
        seed = b"%d%s%s%s" % (self._nonce_count, self._last_nonce_bytes, time.ctime().encode(), os.urandom(8))
        return hashlib.sha1(seed).hexdigest()[:16]

    def _in_protection_space(self, url: URL) -> bool:
        text = str(url)
        return any(
            text == space or (text.startswith(space) and (space.endswith("/") or text[len(space)] == "/"))
            for space in self._protection_space
        )

    def _authenticate(self, response: ClientResponse) -> bool:
        """Whether the answer is a challenge, which is to be answered from now on."""
        header = response.headers.get("www-authenticate", "")
        kind, _, rest = header.partition(" ")
        pairs = parse_header_pairs(rest) if response.status == 401 and kind.lower() == "digest" else {}
        if not pairs:
            return False
        self._challenge = {name: pairs[name] for name in FIELDS if name in pairs}
        origin = response.url.origin()
        self._protection_space = [
            str(origin.join(URL(space)) if space.startswith("/") else URL(space))
            for space in (each.strip('"') for each in self._challenge.get("domain", "").split())
            if space
        ] or [str(origin)]
        return bool(self._challenge)


def parse_header_pairs(header: str) -> dict[str, str]:
    """The parameters of a challenge; a second challenge behind it is left out."""
    pairs: dict[str, str] = {}
    for name, quoted, plain in PAIR.findall(header):
        if not quoted and not plain and f'{name}=""' not in header.replace(" ", ""):
            if pairs:
                break
            continue
        pairs[name] = plain or quoted.replace('\\"', '"').replace("\\\\", "\\")
    return pairs


def _protection(offered: str) -> str:
    if not offered:
        return ""
    known = {"auth", "auth-int"} & {each.strip() for each in offered.split(",")}
    if not known:
        raise ClientError(f"Digest auth error: Unsupported Quality of Protection (qop) value(s): {offered}")
    return "auth-int" if "auth-int" in known else "auth"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
