"""Differential fuzzers: the same random program on stock asyncio and on ferrio, and what came out is compared.

    python -m tests.fuzz                                    # which there are
    python -m tests.fuzz cancellation --seconds 60          # seeds 0, 1, 2, ... until the time is up
    python -m tests.fuzz cancellation --seed 17 --count 1   # one program again; --verbose prints it in any case

A fuzzer is a module of this folder, listed in FUZZERS, with two functions and perhaps a third:

    program(dice)        draws a program from a `random.Random` before anything runs; str() of it is its text
    run(aio, program)    runs it on `aio`, the module asyncio or ferrio, and returns the list of what was seen
    compare(theirs, ours)  None, or what is different, in words; without it the two lists must be equal

What a run returns must not depend on time, on addresses, or on anything else that one implementation may choose.
Programs run many to a child process (`child.py`), so that a crash or a hang is found and reported with its seed.
"""

FUZZERS: dict[str, str] = {
    "cancellation": "tasks that wait, fail and cancel each other in every way",
    "objects": "odd objects as arguments of every function, type and method",
    "finalizers": "finalizers that call back, and the collector at the lowest thresholds",
    "transports": "every call of a transport from every callback of its protocol",
    "loops": "transports, watched descriptors, operations, handles and timers at once",
    "descriptors": "sockets that are closed, copied and replaced while the loop works on them",
    "dropped": "transports that are let go of and collected at any moment",
    "servers": "streams on connections, and handlers of every kind",
    "readers": "StreamReader's methods under random cuts",
    "tls_records": "TLS whose records are cut, merged, spoiled, doubled",
    "tls_records_bio": "the same, with the engine that needs no OpenSSL of its own",
    "tls_liars": "TLS whose peer lies, on ferrio alone",
    "tls_liars_bio": "the same, with the engine that needs no OpenSSL of its own",
}
