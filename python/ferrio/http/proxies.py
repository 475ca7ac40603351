"""Which proxy is for a URL: the environment's, `no_proxy` and `~/.netrc`.

Owns the choice; connector.py goes through it. Reads files: not for the loop's thread.
"""

from __future__ import annotations

from urllib.request import getproxies, proxy_bypass

from yarl import URL

from .auth import LOG, BasicAuth, credentials_of, netrc_file, without_credentials
from .socks import is_socks


def proxy_of(url: URL) -> tuple[URL, BasicAuth | None] | None:
    """The environment's proxy for a URL, and who asks it."""
    if url.host is not None and proxy_bypass(url.host):
        return None
    proxies = getproxies()
    named = proxies.get(url.scheme)
    if not named and is_socks(URL(proxies.get("all", ""))):
        named = proxies["all"]  # one of HTTP is not looked at, as by aiohttp
    if url.scheme not in ("http", "https", "ws", "wss") or not named:
        return None
    proxy, auth = without_credentials(URL(named))
    if proxy.scheme in ("https", "wss"):
        LOG.warning("%s proxies %s are not supported, ignoring", proxy.scheme.upper(), proxy)
        return None
    if auth is None and proxy.host is not None and not is_socks(proxy):
        auth = credentials_of(netrc_file(), proxy.host)
    return proxy, auth
