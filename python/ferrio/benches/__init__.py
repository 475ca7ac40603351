"""The rows of `ferrio bench`: what an installed ferrio can measure by itself, without load, peers' packages or goals.

The folder benches/ of a checkout has all rows and takes these from here; nothing here knows of it. The package is
`ferrio.benches` where ferrio is installed, `benches` to the processes that measure, so that those of other loops do not
import ferrio, and `benches.installed` in a checkout; so its imports are relative.
"""
