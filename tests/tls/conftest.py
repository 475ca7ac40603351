"""What every test of TLS gets: certificates, a version, and a guard against what is left unclosed.

The guards of tests/conftest.py hold here too: no descriptor left open, no error logged by asyncio.
"""

import gc
import ssl
import sys
import warnings

import pytest

pytest.importorskip("trustme", reason="trustme makes the certificates: pip install -r tests/requirements.txt")

from tls_support import Certificates


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def version(request):
    return request.param


@pytest.fixture(autouse=True)
def nothing_unclosed(monkeypatch):
    """No ResourceWarning, and no exception where nobody can catch it."""
    complaints = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: complaints.append(f"{args.exc_value!r} in {args.object!r}"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        yield
        gc.collect()
    complaints += [str(warning.message) for warning in caught if issubclass(warning.category, ResourceWarning)]
    assert not complaints, "\n".join(complaints)
