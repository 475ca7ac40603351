"""Random calls of ferrio.http, compared with aiohttp's: results, exceptions with their texts, and all that was sent.

`python tests/http/test_client_random.py FIRST COUNT` goes on with other seeds.
"""

import asyncio
import sys
import warnings

import ferrio
import ferrio.http
import pytest
from client_random import Drawing, outcome

aiohttp = pytest.importorskip("aiohttp", reason="aiohttp is not installed")

SEEDS = 20


def difference(seed):
    """What differs, with the program; None where nothing does."""
    program = Drawing(seed).program()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = asyncio.run(outcome(aiohttp, program)).splitlines()
        ours = ferrio.run(outcome(ferrio.http, program)).splitlines()
    if ours == theirs:
        return None
    index = next((index for index, (one, other) in enumerate(zip(ours, theirs, strict=False)) if one != other), -1)
    return f"seed {seed}, call {(index + 1) // 2}\n{program}\nours   {ours[index]}\ntheirs {theirs[index]}"


@pytest.mark.parametrize("first", range(0, 6 * SEEDS, SEEDS))
def test_as_aiohttp(first):
    found = [text for seed in range(first, first + SEEDS) if (text := difference(seed))]
    assert not found, "\n".join(found)


if __name__ == "__main__":
    first, count = map(int, sys.argv[1:])
    for seed in range(first, first + count):
        if text := difference(seed):
            print(text, flush=True)
