"""What cpython_asyncio.py is made of; each file's head says what it owns.

In the worker, the process in which the tests of one file run:

    swap          puts the tested loop in the place of asyncio's
    alternatives  test classes for another Task and Future
    hosted        test classes on the tested loop where CPython builds its own
    worker        runs the tests and says what became of each

In the driver, which starts the workers and does without asyncio:

    options       the command line
    catalogue     which tests are of behaviour, which of CPython's insides
    processes     starts workers and watches them
    driver        gives each file to workers until every test has an outcome
    expected      the list of tests that may fail
    report        the score: as text, as Markdown, as JSON
"""

PACKAGE = "test.test_asyncio"
MESSAGE_LIMIT = 4000


def clip(text):
    """The end of a long text, which is where a traceback says what happened."""
    return text if len(text) <= MESSAGE_LIMIT else "[...]\n" + text[-MESSAGE_LIMIT:]
