"""The part of the suite that ferrio is installed with, as `benches.installed`: python/ferrio/benches/ of this checkout.

Not as `ferrio.benches`, which would bring ferrio into the measuring process of every other loop.
"""

from pathlib import Path

__path__ = [str(Path(__file__).resolve().parent.parent / "python" / "ferrio" / "benches")]
