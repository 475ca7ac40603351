"""`timeout()`, `timeout_at()` and their class: native, all of them."""

from ._ferrio import Timeout, timeout, timeout_at

__all__ = ("Timeout", "timeout", "timeout_at")
