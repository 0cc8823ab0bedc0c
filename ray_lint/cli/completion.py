"""``ray-lint completion``: completion scripts for shells, made from the options."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from ray_lint.cli.options import Parser, build

SHELLS = ("bash", "zsh", "fish")


@dataclass(frozen=True)
class Grammar:
    """What may follow ``ray-lint`` or one of its commands."""

    options: list[argparse.Action]
    words: tuple[str, ...] = ()  # besides files
    files: bool = True


def run(arguments: list[str]) -> int:
    """Print the script for a shell and return the exit code."""
    parser = Parser(prog="ray-lint completion", description="Print a completion script.")
    parser.add_argument("shell", choices=SHELLS)
    shell = parser.parse_args(arguments).shell
    print({"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](), end="")
    return 0


def _grammars() -> dict[str, Grammar]:
    """Return what may follow each command, and under "" what follows ``ray-lint`` itself."""
    from ray_lint.cli.command import COMMANDS
    from ray_lint.rules import all_rules
    from ray_lint.runtime import cli

    on_ray = argparse.ArgumentParser().add_subparsers()
    cli.add_verify_parser(on_ray)
    cli.add_profile_parser(on_ray)
    rules = tuple(rule.code for rule in all_rules())
    help_only = [a for a in argparse.ArgumentParser()._actions if a.option_strings]
    special = {
        "explain": Grammar(help_only, rules, files=False),
        "completion": Grammar(help_only, SHELLS, files=False),
    }
    found = {"": Grammar(_options(build()), COMMANDS)}
    for command in COMMANDS:
        if command in on_ray.choices:
            found[command] = Grammar(_options(on_ray.choices[command]))
        else:
            found[command] = special.get(command, Grammar(help_only, files=False))
    return found


def _options(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in parser._actions if action.option_strings]


def _choices(action: argparse.Action) -> str:
    return " ".join(map(str, action.choices or ()))


def _plain(action: argparse.Action) -> str:
    return (action.help or "").replace("%%", "%").replace("'", "")


def _bash() -> str:
    cases = []
    for command, grammar in _grammars().items():
        values = "".join(
            f'            {"|".join(a.option_strings)}) words="{_choices(a)}" files="";;\n'
            for a in grammar.options
            if a.choices
        )
        names = " ".join(o for a in grammar.options for o in a.option_strings)
        cases.append(
            f"    {command or '*'})\n"
            f'        options="{names}" files={"yes" if grammar.files else ""}\n'
            f"        [[ $COMP_CWORD -{'gt' if command else 'eq'} 1 ]] && "
            f'words="{" ".join(grammar.words)}"\n'
            + (f'        case "$before" in\n{values}        esac\n' if values else "")
            + "        ;;\n"
        )
    cases.append(cases.pop(0))  # what is no command comes last
    return (
        "_ray_lint() {\n"
        '    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"\n'
        '    local options words="" files first="${COMP_WORDS[1]}"\n'
        # Bash takes `--option=value` for three words.
        '    [[ "$word" != "=" ]] || word=""\n'
        '    [[ "$before" != "=" ]] || before="${COMP_WORDS[COMP_CWORD-2]}"\n'
        '    [[ $COMP_CWORD -gt 1 ]] || first=""\n'
        '    case "$first" in\n'
        f"{''.join(cases)}"
        "    esac\n"
        '    [[ "$word" != -* ]] || { words="$options"; files=""; }\n'
        '    COMPREPLY=($(compgen -W "$words" -- "$word"))\n'
        "    local IFS=$'\\n'\n"  # names may have blanks
        '    [[ -z $files ]] || COMPREPLY+=($(compgen -f -- "$word"))\n'
        "}\n"
        "complete -o filenames -F _ray_lint ray-lint\n"
    )


def _zsh() -> str:
    cases = []
    for command, grammar in _grammars().items():
        lines = [_zsh_option(action) for action in grammar.options]
        if not command:
            lines.append("'1: :_ray_lint_first'")
        elif grammar.words:
            lines += ["'1: :'", f"'*: :({' '.join(grammar.words)})'"]
        if grammar.files:
            lines.append("'*:file:_files'")
        joined = " \\\n        ".join(lines)
        cases.append(f"    {command or '*'}) _arguments -s \\\n        {joined} ;;\n")
    cases.append(cases.pop(0))
    commands = " ".join(_grammars()[""].words)
    return (
        "#compdef ray-lint\n\n"
        "_ray_lint_first() {\n"
        f"    _alternative 'commands:command:({commands})' 'files:file:_files'\n"
        "}\n\n"
        'local first=""\n'
        "(( CURRENT > 2 )) && first=$words[2]\n"
        "case $first in\n"
        f"{''.join(cases)}"
        "esac\n"
    )


def _zsh_option(action: argparse.Action) -> str:
    names = action.option_strings
    text = _plain(action).replace("[", "(").replace("]", ")").replace(":", "\\:")
    value = ""
    if action.nargs != 0:
        choices = f"({_choices(action)})" if action.choices else "_files"
        value = f":{action.metavar or action.dest}:{choices}"
    marks = [f"{name}=" if value and name.startswith("--") else name for name in names]
    if len(names) == 1:
        return f"'{marks[0]}[{text}]{value}'"
    return f"'({' '.join(names)})'{{{','.join(marks)}}}'[{text}]{value}'"


def _fish() -> str:
    lines = []
    for command, grammar in _grammars().items():
        commands = " ".join(_grammars()[""].words)
        seen = f"__fish_seen_subcommand_from {command or commands}"
        start = f"complete -c ray-lint -n '{seen if command else 'not ' + seen}'"
        if grammar.words:
            first = "complete -c ray-lint -n 'test (count (commandline -opc)) -eq 1'"
            words = f"-a '{' '.join(grammar.words)}'"
            lines.append(f"{start} -f {words}" if command else f"{first} {words}")
        lines += [f"{start} {_fish_option(action)}" for action in grammar.options]
    return "\n".join(lines) + "\n"


def _fish_option(action: argparse.Action) -> str:
    parts = [
        f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
        for name in action.option_strings
    ]
    if action.choices:
        parts.append(f"-x -a '{_choices(action)}'")
    elif action.nargs != 0:
        parts.append("-r")
    return " ".join([*parts, f"-d '{_plain(action)}'"])
