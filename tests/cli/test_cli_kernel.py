"""`ferrio kernel` without ipykernel. With it: ecosystem/test_notebooks.py; what is misspelled: test_cli_mistakes.py."""

import sys

import pytest
from ferrio.cli import main


@pytest.mark.parametrize("arguments", [["install"], ["install", "--user"], ["remove"]], ids=" ".join)
def test_what_is_missing_is_said_in_one_line(arguments, monkeypatch, capsys):
    for name in ("ipykernel.kernelspec", "jupyter_client.kernelspec", "jupyter_core.paths"):
        monkeypatch.setitem(sys.modules, name, None)
    assert main(["kernel", *arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("ferrio: kernel: it needs ipykernel (") and said.count("\n") == 1
    assert said.endswith(f": {sys.executable} -m pip install ipykernel\n")
