"""The benchmark suite of a checkout: `python -m benches`; README.md says what each row answers.

Has all rows. Those that need no load are python/ferrio/benches/, which `ferrio bench` has too (installed.py).
The measuring processes load this package by its path, so its imports are relative.
"""
