"""The benchmark of HTTP servers: `python -m benches.servers`.

apps/ has the applications, which know no server; contenders.py how each server is started at its best; rows.py the
questions. What measures, compares and prints is the suite's (benches/harness/, and the installed part).
"""
