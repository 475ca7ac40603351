"""For the tests of HTTP: their helpers say what they compared."""

import pytest

pytest.register_assert_rewrite("http_support")
