"""The fixtures of the plugin `pytest_ferrio`, for runs that load no plugin by entry point.

`pytest_plugins = ["ferrio.testing.pytest"]` in a conftest.py has them without it; otherwise that line changes nothing.
"""

from __future__ import annotations

from pytest_ferrio import pytest_pyfunc_call, virtual_loop, virtual_run, virtual_runner

__all__ = ("pytest_pyfunc_call", "virtual_loop", "virtual_run", "virtual_runner")
