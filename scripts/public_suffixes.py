"""Makes the list of public suffixes that ferrio-http has, out of Mozilla's (https://publicsuffix.org/list/, MPL 2.0).

    python scripts/public_suffixes.py public_suffix_list.dat

Owns the form of crates/ferrio-http/src/cookies/suffixes.txt: a rule a line, in ASCII, sorted as bytes, so that it is
searched as it lies. Rules of a single label are left out: without a rule the last label is the suffix anyhow.
"""

from __future__ import annotations

import sys
from pathlib import Path

TARGET = Path(__file__).parents[1] / "crates/ferrio-http/src/cookies/suffixes.txt"


def main(source: str) -> None:
    lines = Path(source).read_text(encoding="utf-8").splitlines()
    rules = {ascii_of(line.split()[0]) for line in lines if line.strip() and not line.startswith("//")}
    kept = sorted(rule for rule in rules if "." in rule)
    TARGET.write_text("\n".join(kept) + "\n", encoding="ascii")
    print(f"{TARGET.name}: {len(kept)} rules, {TARGET.stat().st_size // 1024} KiB")


def ascii_of(rule: str) -> str:
    """The rule as hosts are written in requests. Labels of the list are normalised already."""
    return ".".join(
        label if label.isascii() else f"xn--{label.encode('punycode').decode('ascii')}" for label in rule.split(".")
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
