"""tls_liars.py once more, with the other engine: TLS through an SSLObject, as where OpenSSL cannot be called."""

import os

os.environ["FERRIO_TLS"] = "bio"

from .tls_liars import program, run  # the engine is chosen when ferrio is first asked for one

__all__ = ["program", "run"]
