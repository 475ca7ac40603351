"""Cookies for domains that are nobody's: Mozilla's list of public suffixes, of which aiohttp has none."""

import ferrio
import ferrio.http
import pytest
from ferrio._ferrio import is_public_suffix
from yarl import URL


@pytest.mark.parametrize(
    ("host", "domain", "own", "below"),
    [
        ("a.example.com", "example.com", True, True),
        ("a.co.uk", "co.uk", False, False),
        ("a.co.uk", ".co.uk", False, False),
        ("a.com", "com", False, False),
        ("me.github.io", "github.io", False, False),
        ("github.io", "github.io", True, False),  # Its own, and nobody else's.
        ("localhost", "localhost", True, False),
        ("a.any.ck", "any.ck", False, False),  # *.ck, but for
        ("a.www.ck", "www.ck", True, True),
        ("a.xn--55qx5d.cn", "xn--55qx5d.cn", False, False),
    ],
)
def test_who_may_set_a_cookie_for_a_domain(host, domain, own, below):
    async def main():
        jar = ferrio.http.CookieJar()
        jar.update_cookies_from_headers([f"a=1; Domain={domain}"], URL(f"http://{host}/"))
        name = domain.lstrip(".")
        return ["a" in jar.filter_cookies(URL(f"http://{place}/")) for place in (name, f"other.{name}")]

    assert ferrio.run(main()) == [own, below]


def test_a_program_may_have_any_cookie():
    async def main():
        jar = ferrio.http.CookieJar()
        cookie = ferrio.http.cookies.SimpleCookie("a=1; Domain=co.uk")
        jar.update_cookies(cookie)
        return "a" in jar.filter_cookies(URL("http://a.co.uk/"))

    assert ferrio.run(main())


def test_what_is_asked():
    assert is_public_suffix("co.uk") is True
    assert is_public_suffix("a.co.uk") is False
    assert is_public_suffix("") is False
    with pytest.raises(TypeError):
        is_public_suffix(b"co.uk")
