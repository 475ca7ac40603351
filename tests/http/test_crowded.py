"""Some seeds of crowds.py, always the same."""

import ferrio
import pytest
from crowds import check


@pytest.mark.parametrize("first", [0, 20])
def test_each_of_many_gets_what_it_asks_for(first):
    assert ferrio.run(check(range(first, first + 20))) == []
