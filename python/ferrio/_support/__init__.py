"""Cold paths of the native side: what is asyncio's to word, by the module of asyncio that words it.

Called from Rust only, which finds each function by its name. Arguments are `Any` where a private name of asyncio's is
used: its published types leave those out. Nothing here imports ferrio's own modules but `_compat`, since the extension
needs this package while it is imported itself.
"""
