"""The dates of cookies, which servers write in whatever way they like: read by RFC 6265's rules.

Owns the reading alone.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime
from typing import Final

LATEST: Final = int(datetime.max.replace(tzinfo=UTC).timestamp()) - 1
TOKEN: Final = re.compile(r"[\x00-\x08\x0A-\x1F\d:a-zA-Z\x7F-\xFF]+")
TIME: Final = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})")
DAY: Final = re.compile(r"\d{1,2}")
YEAR: Final = re.compile(r"\d{2,4}")
MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def parse_date(text: str) -> float | None:
    """Seconds since 1970; None where it is no date."""
    clock: tuple[int, ...] | None = None
    day = month = year = None
    for token in TOKEN.findall(text):
        if clock is None and (found := TIME.match(token)):
            clock = tuple(int(number) for number in found.groups())
        elif day is None and (found := DAY.match(token)):
            day = int(found[0])
        elif month is None and token[:3].lower() in MONTHS:
            month = MONTHS.index(token[:3].lower()) + 1
        elif year is None and (found := YEAR.match(token)):
            year = int(found[0])
    if clock is None or day is None or month is None or year is None:
        return None
    if year <= 99:
        year += 1900 if year >= 70 else 2000
    hour, minute, second = clock
    if not 1 <= day <= 31 or year < 1601 or hour > 23 or minute > 59 or second > 59:
        return None
    return float(calendar.timegm((year, month, day, hour, minute, second, -1, -1, -1)))
