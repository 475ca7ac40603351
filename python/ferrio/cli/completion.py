"""`ferrio completion SHELL`: completion scripts for bash, zsh and fish, made from the table.

A script holds everything as text, so that pressing Tab starts no Python. Completed are commands, options, the values
of options, and words; what follows a program under `ferrio run` is completed as file names.
"""

from __future__ import annotations

from .commands import COMMANDS, FERRIO, HELP, shell_names
from .errors import Mistake, nearest
from .output import say
from .parse import Request
from .table import FILE, Command, Complete, Option, names, offered


def main(request: Request) -> int:
    """Print the script of that shell."""
    shell = request.words[0]
    makers = {"bash": bash, "zsh": zsh, "fish": fish}
    if shell not in makers:
        hint = nearest(shell, makers)
        raise Mistake(f"completion: unknown shell {shell!r}{hint or '; known are ' + ', '.join(shell_names())}")
    say(makers[shell]())
    return 0


def bash() -> str:
    """For bash 4.4 or later. `--name=value` comes as three words there, which the first lines put right."""
    top = " ".join([*(command.name for command in COMMANDS), *_spellings(FERRIO.options)])
    return f"""# bash completion for ferrio: eval "$(ferrio completion bash)"
_ferrio_files() {{
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$1")
}}
_ferrio_words() {{
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}}
_ferrio() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} word program=
    [[ $current == = ]] && current=
    [[ $previous == = ]] && previous=${{COMP_WORDS[COMP_CWORD-2]}}
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        _ferrio_words "{top}" "$current"
        return
    fi
    case ${{COMP_WORDS[1]}} in
{"".join(_bash_command(command) for command in COMMANDS)}    esac
}}
complete -F _ferrio ferrio"""


def zsh() -> str:
    """For zsh, sourced or as a file `_ferrio` in $fpath."""
    commands = "\n".join(f"        {_quoted(f'{command.name}:{command.doc}')}" for command in COMMANDS)
    cases = "".join(_zsh_command(command) for command in COMMANDS)
    options = " ".join(_quoted(each) for option in FERRIO.options for each in _zsh_option(option))
    return f"""#compdef ferrio
# zsh completion for ferrio: eval "$(ferrio completion zsh)"
(( $+functions[compdef] )) || {{ autoload -Uz compinit && compinit }}
_ferrio() {{
    local -a commands=(
{commands}
    )
    local state line
    _arguments -C {options} '1: :->command' '*:: :->rest' && return
    case $state in
        command) _describe command commands ;;
        rest)
            case $words[1] in
{cases}            esac ;;
    esac
}}
if [[ $funcstack[1] == _ferrio ]]; then _ferrio "$@"; else compdef _ferrio ferrio; fi"""


def fish() -> str:
    """For fish 3 or later."""
    lines = ["# fish completion for ferrio: ferrio completion fish | source", "complete -c ferrio -f"]
    for command in COMMANDS:
        about = f"-a {command.name} -d {_quoted(command.doc)}"
        lines.append(f"complete -c ferrio -n __fish_use_subcommand {about}")
    for option in FERRIO.options:
        lines.append(f"complete -c ferrio -n __fish_use_subcommand {_fish_option(option)}")
    for command in COMMANDS:
        seen = f"complete -c ferrio -n '__fish_seen_subcommand_from {command.name}'"
        lines += [f"{seen} {each}" for option in (*command.options, HELP) for each in _fish_options(option)]
        if command.complete == FILE:
            lines.append(f"{seen} -F")
        elif offered(command.complete):
            lines.append(f"{seen} -a {_quoted(' '.join(offered(command.complete)))}")
    return "\n".join(lines)


def _spellings(options: tuple[Option, ...]) -> list[str]:
    return [name for option in options for name in names(option)]


def _bash_command(command: Command) -> str:
    lines = [f"{command.name})"]
    if command.last:
        lines += [
            '    for word in "${COMP_WORDS[@]:2:COMP_CWORD-2}"; do',
            "        [[ $word == - || $word != -* ]] && program=yes",
            "    done",
            '    if [[ $program == yes ]]; then _ferrio_files "$current"; return; fi',
        ]
    values = [option for option in command.options if option.value]
    if values:
        lines.append("    case $previous in")
        lines += [f"        {'|'.join(names(option))}) {_bash_value(option.complete)} ;;" for option in values]
        lines.append("    esac")
    options = " ".join(_spellings((*command.options, HELP)))
    lines.append(f'    if [[ $current == -* ]]; then _ferrio_words "{options}" "$current"; return; fi')
    lines.append(f"    {_bash_value(command.complete)} ;;")
    return "".join(f"        {line}\n" for line in lines)


def _bash_value(complete: Complete) -> str:
    if complete == FILE:
        return '_ferrio_files "$current"; return'
    words = offered(complete)
    return f'_ferrio_words "{" ".join(words)}" "$current"; return' if words else "return"


def _zsh_option(option: Option) -> list[str]:
    doc = option.doc.replace("[", r"\[").replace("]", r"\]").replace(":", r"\:")
    value = f":{option.value}:{_zsh_value(option.complete)}" if option.value else ""
    equals = "=" if option.value and option.name else ""
    return [f"{name}{equals if name == option.name else ''}[{doc}]{value}" for name in names(option)]


def _zsh_value(complete: Complete) -> str:
    if complete == FILE:
        return "_files"
    words = offered(complete)
    return f"({' '.join(words)})" if words else " "


def _zsh_command(command: Command) -> str:
    parts = [each for option in (*command.options, HELP) for each in _zsh_option(option)]
    if command.words:
        first = "1" if command.most == 1 or command.last else "*"
        parts.append(f"{first}:{command.words}:{_zsh_value(command.complete)}")
    if command.last:
        parts.append("*::ARG:_files")
    arguments = " \\\n                        ".join(_quoted(part) for part in parts)
    return f"                {command.name})\n                    _arguments {arguments} ;;\n"


def _fish_options(option: Option) -> list[str]:
    opposite = [option._replace(name=option.negative, doc="The opposite.")] if option.negative else []
    return [_fish_option(each) for each in (option, *opposite)]


def _fish_option(option: Option) -> str:
    short = f"-s {option.short[1:]} " if option.short else ""
    name = f"-l {option.name[2:]} " if option.name else ""
    value = ""
    if option.value:
        words = offered(option.complete)
        value = "-r -F " if option.complete == FILE else f"-x -a {_quoted(' '.join(words))} " if words else "-x "
    return f"{short}{name}{value}-d {_quoted(option.doc)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", r"'\''") + "'"
