"""The benchmark programs of the event loop; `python -m benches --help`, and README.md says what each
answers.
"""
