"""Shell completion: bash is asked as readline asks it, zsh and fish read their scripts where they are installed."""

import re
import shutil
import subprocess

import pytest
from cli_commands import ferrio
from ferrio.cli.commands import COMMANDS
from ferrio.cli.table import names


@pytest.fixture
def complete(tmp_path):
    """What bash offers for the last of the words."""
    script = tmp_path / "completion.bash"
    script.write_text(ferrio("completion", "bash", cwd=tmp_path).stdout)

    def ask(*words):
        array = " ".join(f"'{word}'" for word in words)
        program = f"set -u; source {script}; COMP_WORDS=({array}); COMP_CWORD={len(words) - 1}; _ferrio; "
        program += "printf '%s\\n' \"${COMPREPLY[@]:-}\""
        done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, timeout=30, cwd=tmp_path)
        assert done.stderr == ""
        return done.stdout.split()

    return ask


bash_needed = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")


@bash_needed
def test_commands(complete):
    assert complete("ferrio", "") == [*(command.name for command in COMMANDS), "-h", "--help", "-V", "--version"]
    assert complete("ferrio", "re") == ["repl"]
    assert complete("ferrio", "--v") == ["--version"]
    assert complete("ferrio", "help", "d") == ["doctor"]


@bash_needed
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_option_of_every_command(complete, command):
    expected = [name for option in command.options for name in names(option)]
    assert complete("ferrio", command.name, "-") == [*expected, "-h", "--help"]


@bash_needed
def test_values_words_and_files(complete, tmp_path):
    (tmp_path / "program.py").touch()
    (tmp_path / "data.txt").touch()
    assert complete("ferrio", "bench", "timer_r") == ["timer_rounds_x1", "timer_rounds_x100", "timer_rearm_1ms"]
    assert complete("ferrio", "bench", "--loops", "rl") == ["rloop"]
    assert complete("ferrio", "bench", "--loops", "=", "r") == ["rloop", "rsloop"]
    assert complete("ferrio", "bench", "--json", "da") == ["data.txt"]
    assert complete("ferrio", "completion", "") == ["bash", "zsh", "fish"]
    assert complete("ferrio", "run", "pro") == ["program.py"]
    assert complete("ferrio", "run", "--debug", "pro") == ["program.py"]
    assert complete("ferrio", "run", "program.py", "--pin", "da") == ["data.txt"]
    assert complete("ferrio", "run", "program.py", "--deb") == []
    assert complete("ferrio", "run", "-m", "pro") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_can_read_its_script(tmp_path, shell):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "script"
    script.write_text(ferrio("completion", shell, cwd=tmp_path).stdout)
    done = subprocess.run([shell, "-n", str(script)], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")


def test_fish_offers_the_same(tmp_path):
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")
    script = tmp_path / "script.fish"
    script.write_text(ferrio("completion", "fish", cwd=tmp_path).stdout)
    (tmp_path / "program.py").touch()

    def ask(line):
        program = f"complete -e -c ferrio; source {script}; complete -C '{line}'"
        done = subprocess.run(["fish", "-N", "-c", program], capture_output=True, text=True, timeout=30, cwd=tmp_path,
                              env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})  # fmt: skip
        return [offer.split("\t")[0] for offer in done.stdout.splitlines()]

    assert sorted(ask("ferrio ")) == sorted(command.name for command in COMMANDS)
    assert ask("ferrio bench --pi") == ["--pin"]
    assert ask("ferrio run pro") == ["program.py"]
    assert ask("ferrio bench --subject rl") == ["rloop"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_script_names_every_option(tmp_path, shell):
    script = ferrio("completion", shell, cwd=tmp_path).stdout
    for command in COMMANDS:
        for option in command.options:
            dashed = option.name or option.short
            spelling = rf"-[ls] {dashed.lstrip('-')} " if shell == "fish" else rf"{dashed}\b"
            assert re.search(spelling, script), (shell, command.name, dashed)
