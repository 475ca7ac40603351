"""The extractor and the runner can fail: each rule of `blocks` and `session`, by a page that breaks it."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import checkout
from .blocks import extract
from .session import PORTS, Session

PAGE = Path("page.md")
PROGRAM = "```python\nprint('a')\n```\n"


def follow(folder: Path, text: str) -> None:
    Session(folder, extract(PAGE, text)).follow()


def test_blocks_come_in_order_with_title_language_and_line() -> None:
    text = 'Text.\n\n```python title="a.py"\n1\n```\n\n<!-- test: status 3 -->\n```sh\nexit 3\n```\n'
    first, second = extract(PAGE, text)
    assert (first.language, first.title, first.text, first.line) == ("python", "a.py", "1\n", 3)
    assert (second.language, second.marks) == ("sh", {"status": "3"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```\nx\n```\n", "unknown language"),
        ("```pycon\nx\n```\n", "unknown language"),
        ("```python numbers\nx\n```\n", "after the language"),
        ("```python\nx\n", "never closed"),
        ("Text:\n\n    pip install x\n", "indented code"),
        ("- item\n\n  ```sh\n  ls\n  ```\n", "indented"),
        ("<!-- test: maybe -->\n```sh\nls\n```\n", "unknown mark"),
        ("<!-- test: status 1 -->\ntext\n```sh\nls\n```\n", "right above"),
        ("<!-- test: status 1 -->\n```text\nx\n```\n", "marks are for"),
        ("```ini\n[a]\n```\n", "needs its name"),
    ],
)
def test_what_breaks_the_rules_is_an_error(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        extract(PAGE, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```python\n1 / 0\n```\n", "ended with 1"),
        ("```sh\nfalse\ntrue\n```\n", "ended with 1"),
        ("<!-- test: status 3 -->\n```sh\ntrue\n```\n", "ended with 0, not 3"),
        ("```python\nimport sys\nprint('oh', file=sys.stderr)\n```\n", "complained"),
        (PROGRAM + '```text title="output"\nb\n```\n', "the page shows"),
        (PROGRAM + '```text title="output"\na\nb\n```\n', "the page shows"),
        ("```python\nprint('0.6 s')\n```\n" + '```text title="output"\n0.2 s\n```\n', "the page shows"),
        ("```python\nprint('0.2 s')\n```\n" + '```text title="output"\n0.6 s\n```\n', "the page shows"),
        ('<!-- test: serves "never" -->\n```sh\necho other\n```\n', "ended instead of serving"),
        ("```sh\nmake no-such-target\n```\n", "no such target"),
        ("```sh\npip install nobody-has-this\n```\n", "nothing tests"),
        ("```sh\nno-such-command\n```\n", "ended with 127"),
    ],
)
def test_what_does_not_do_as_the_page_says_fails(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        follow(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        PROGRAM + '```text title="output"\na\n```\n',
        PROGRAM + '```text title="output"\n...\n```\n',
        "```python\nprint('took 0.123 s\\nend')\n```\n" + '```text title="output"\ntook ... s\nend\n```\n',
        "```python\nprint('0.3 s')\n```\n" + '```text title="output"\n0.2 s\n```\n',
        "```python\nx = 1\n```\n<!-- test: continues -->\n```python\nassert x == 1\n```\n",
        "<!-- test: status 4 -->\n```python\nraise SystemExit(4)\n```\n",
        '```python title="m.py"\nraise SystemExit(9)\n```\n<!-- test: status 9 -->\n```sh\npython m.py\n```\n',
        '```python title="m.py"\nx = 2\n```\n```python\nimport m\nassert m.x == 2\n```\n',
        "```sh\n# a remark\nmake help\n```\n",
    ],
)
def test_what_does_as_the_page_says_passes(tmp_path: Path, text: str) -> None:
    follow(tmp_path, text)


def test_fixed_ports_become_free_ones_and_servers_stop_at_the_end(tmp_path: Path) -> None:
    server = f'<!-- test: serves "Serving HTTP" -->\n```sh\npython -m http.server --bind 127.0.0.1 {PORTS[0]}\n```\n'
    client = f'```python\nimport urllib.request\nurllib.request.urlopen("http://127.0.0.1:{PORTS[0]}/").read()\n```\n'
    session = Session(tmp_path, extract(PAGE, server + client))
    session.follow()
    ((_, process),) = session.serving
    assert process.returncode is not None


def test_ci_runs_what_the_list_says_it_runs() -> None:
    known = checkout.make_targets()
    assert {"check", "test", "conformance"} <= checkout.run_by_ci(known)
    assert "bench" not in checkout.run_by_ci(known)
