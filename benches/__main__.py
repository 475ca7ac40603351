"""`python -m benches` is `python benches/run.py`."""

from benches.run import main

if __name__ == "__main__":
    main()
