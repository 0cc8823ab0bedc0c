"""The full command: options, and which part of ray-lint answers."""

from __future__ import annotations

import os
import sys
import warnings

from ray_lint.errors import SourceError, UsageError

COMMANDS = ("verify", "profile", "explain", "rules", "server", "completion")


def leave_warnings() -> None:
    """Ignore what Python's parser has to say of the code: that is for its author's other tools."""
    for category in (SyntaxWarning, DeprecationWarning):
        warnings.simplefilter("ignore", category)


def run(arguments: list[str]) -> int:
    """Run the command that the arguments name and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # File names and messages may hold what the terminal's encoding cannot express.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    leave_warnings()
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
    except (UsageError, SourceError) as error:
        print(f"ray-lint: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader has seen enough (``ray-lint . | head``); keep the interpreter's exit quiet too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("ray-lint: interrupted", file=sys.stderr)
        return 130
    except Exception as error:  # Python's own exit code 1 would say that there are findings
        if os.environ.get("RAY_LINT_TRACEBACK"):
            raise
        what = " ".join(f"{type(error).__name__}: {error}".split())
        print(f"ray-lint: internal error, please report it: {what}", file=sys.stderr)
        return 2
    return code


def _dispatch(arguments: list[str]) -> int:
    command = arguments[0] if arguments else ""
    if command in ("explain", "rules"):
        from ray_lint.cli import pages

        return pages.run(command, arguments[1:])
    if command in ("verify", "profile"):
        return _run_on_ray(command, arguments)
    if command == "server":
        return _serve(arguments[1:])
    if command == "completion":
        from ray_lint.cli.completion import run as complete

        return complete(arguments[1:])
    _check_for_typo(command)
    from ray_lint.cli.lint import run as lint

    return lint(arguments)


def _serve(arguments: list[str]) -> int:
    from ray_lint.cli.options import Parser

    parser = Parser(
        prog="ray-lint server",
        description="Speak the Language Server Protocol on standard input and output.",
    )
    # Editors pass this by custom; there is no other way to talk to this server.
    parser.add_argument("--stdio", action="store_true", help="the default")
    parser.parse_args(arguments)
    from ray_lint.cli.server import serve

    return serve()


def _check_for_typo(word: str) -> None:
    """Raise UsageError if the word is no path and almost a command."""
    if word.isalpha() and not os.path.lexists(word):
        from ray_lint.cli.options import did_you_mean

        if meant := did_you_mean(word, COMMANDS):
            raise UsageError(f"{word}: no such file, directory or command{meant}")


def _run_on_ray(command: str, arguments: list[str]) -> int:
    from ray_lint.cli.options import Parser
    from ray_lint.runtime import cli

    commands = Parser(prog="ray-lint", add_help=False).add_subparsers(parser_class=Parser)
    if command == "verify":
        cli.add_verify_parser(commands)
    else:
        cli.add_profile_parser(commands)
    own, program = cli.split_command(arguments[1:])
    options = commands.choices[command].parse_args(own)
    options.program = program or options.program
    code: int = options.run(options)
    return code
