"""The benchmark programs of the event loop: `ferrio bench`, or `python -m benches` in a checkout.

README.md says what each answers. The package is `ferrio.benches` where ferrio is installed, and `benches` to who runs
it from a checkout (a link at its root) and to the measuring processes; so its imports are relative.
"""
