"""What the native base does in the place of Python code: a program sees no difference."""

import random
import socket

from ferrio._ferrio import is_ipv4, plain_fields
from ferrio.http import sending
from multidict import CIMultiDict, istr

TEXTS = [
    "",
    "a",
    "Content-Length",
    "transfer-ENCODING",
    "X-Own",
    "\t",
    "b c",
    "\n",
    "\x7f",
    "\x1f",
    "é",
    "\udc80",
    "\u212a",
]


class Shown(str):
    """Is sent as something else."""

    __slots__ = ()

    def __str__(self):
        return "shown"


def outcome(headers):
    try:
        return sending.encoded(headers)
    except (TypeError, ValueError) as error:
        return type(error), str(error)


def test_plain_fields_are_encoded_as_others(monkeypatch):
    chance = random.Random(1)
    values = [*TEXTS, Shown("own"), istr("Own"), 1, None]
    all_headers = [
        CIMultiDict(
            [(chance.choice([*TEXTS, istr("X-Own")]), chance.choice(values)) for _ in range(chance.randrange(4))]
        )
        for _ in range(2000)
    ]
    native = [outcome(headers) for headers in all_headers]
    plain = sum(plain_fields(headers.items()) is not None for headers in all_headers)
    assert 300 < plain < 1700
    monkeypatch.setattr(sending, "plain_fields", lambda items: None)
    assert native == [outcome(headers) for headers in all_headers]


def inet(host):
    try:
        return socket.inet_ntop(socket.AF_INET, socket.inet_pton(socket.AF_INET, host)) == host
    except (OSError, UnicodeEncodeError):
        return False


def test_addresses_are_those_that_the_system_writes():
    parts = ["0", "1", "9", "10", "127", "255", "256", "01", "", "a", "٣", "-1", " 1", "1 ", "1000"]
    chance = random.Random(2)
    hosts = [
        ".".join(chance.choices(parts, [8] * 6 + [1] * 9, k=chance.choice([3, 4, 4, 4, 4, 5]))) for _ in range(3000)
    ]
    assert 300 < sum(map(is_ipv4, hosts)) < 2000
    assert [is_ipv4(host) for host in hosts] == [inet(host) for host in hosts]
