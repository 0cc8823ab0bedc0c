"""``ray-lint completion``: completion scripts for shells, made from the options."""

from __future__ import annotations

import argparse

from ray_lint.cli.options import Parser, build


def run(arguments: list[str]) -> int:
    """Print the script for a shell and return the exit code."""
    parser = Parser(prog="ray-lint completion", description="Print a completion script.")
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))
    shell = parser.parse_args(arguments).shell
    print({"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](), end="")
    return 0


def _commands() -> list[str]:
    from ray_lint.cli.command import COMMANDS

    return list(COMMANDS)


def _options() -> list[argparse.Action]:
    return [action for action in build()._actions if action.option_strings]


def _bash() -> str:
    words = " ".join(o for action in _options() for o in action.option_strings)
    cases = "".join(
        f"        {'|'.join(action.option_strings)})"
        f' COMPREPLY=($(compgen -W "{" ".join(action.choices)}" -- "$word")); return;;\n'
        for action in _options()
        if action.choices
    )
    return (
        "_ray_lint() {\n"
        '    local word="${COMP_WORDS[COMP_CWORD]}"\n'
        '    case "${COMP_WORDS[COMP_CWORD-1]}" in\n'
        f"{cases}"
        "    esac\n"
        '    if [[ "$word" == -* ]]; then\n'
        f'        COMPREPLY=($(compgen -W "{words}" -- "$word"))\n'
        "    else\n"
        f'        local first="{" ".join(_commands())}"\n'
        '        [[ $COMP_CWORD -eq 1 ]] || first=""\n'
        '        COMPREPLY=($(compgen -W "$first" -- "$word") $(compgen -f -- "$word"))\n'
        "    fi\n"
        "}\n"
        "complete -o filenames -F _ray_lint ray-lint\n"
    )


def _zsh() -> str:
    lines = []
    for action in _options():
        names = action.option_strings
        exclusive = f"({' '.join(names)})" if len(names) > 1 else ""
        shape = "{" + ",".join(names) + "}" if len(names) > 1 else names[0]
        text = _plain(action).replace("[", "(").replace("]", ")").replace(":", "\\:")
        value = ""
        if action.nargs != 0:
            choices = f"({' '.join(action.choices)})" if action.choices else "_files"
            value = f":{action.metavar or action.dest}:{choices}"
        quoted = f"'{exclusive}'{shape}'[{text}]{value}'"
        lines.append(f"    {quoted} \\\n")
    commands = " ".join(_commands())
    return (
        "#compdef ray-lint\n\n_arguments -s \\\n"
        f"{''.join(lines)}"
        f'    \'1: :{{_alternative "commands:command:({commands})" "files:file:_files"}}\' \\\n'
        "    '*:file:_files'\n"
    )


def _fish() -> str:
    lines = [
        f"complete -c ray-lint -n __fish_use_subcommand -a {command}\n" for command in _commands()
    ]
    for action in _options():
        parts = ["complete -c ray-lint"]
        parts += [
            f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
            for name in action.option_strings
        ]
        if action.choices:
            parts.append(f"-x -a '{' '.join(action.choices)}'")
        elif action.nargs != 0:
            parts.append("-r")
        parts.append(f"-d '{_plain(action)}'")
        lines.append(" ".join(parts) + "\n")
    return "".join(lines)


def _plain(action: argparse.Action) -> str:
    return (action.help or "").replace("%%", "%").replace("'", "")
