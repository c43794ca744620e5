"""
`errnorm completion`: the script that a shell loads, and the candidates that the script asks for.

The script is short. It calls `errnorm completion --words` with the words that were typed so far, and receives one candidate on
each line. Reasons, sections and protocols of installed tables can therefore be completed too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from errnorm import plugins
from errnorm.cli.arguments import OneOf, known_protocols, known_sections

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping, Sequence

    from errnorm.cli.arguments import Parser

__all__ = ["add_to", "candidates"]

_SCRIPTS = {
    "bash": """\
_errnorm() {
    local IFS=$'\\n'
    COMPREPLY=($(errnorm completion --words "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _errnorm errnorm
""",
    "zsh": """\
#compdef errnorm
_errnorm() {
    local -a found
    found=(${(f)"$(errnorm completion --words "${(@)words[2,CURRENT]}" 2>/dev/null)"})
    if (( $#found )); then compadd -a found; else _files; fi
}
if [[ $funcstack[1] == _errnorm ]]; then _errnorm "$@"; else compdef _errnorm errnorm; fi
""",
    "fish": """\
complete -c errnorm -a '(errnorm completion --words (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
""",
}
_WHERE = """
where the script goes:
  bash  errnorm completion bash \\
            >~/.local/share/bash-completion/completions/errnorm
  zsh   errnorm completion zsh >~/.zfunc/_errnorm
        (with fpath+=~/.zfunc before compinit)
  fish  errnorm completion fish >~/.config/fish/completions/errnorm.fish
"""


def add_to(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to a parser."""
    import argparse  # noqa: PLC0415 - needed for one class only

    parser = commands.add_parser(
        "completion",
        help="print the completion script for bash, zsh or fish",
        description="Print the script that completes commands, options and values in a shell.",
        epilog=_WHERE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", type=OneOf("shell", _SCRIPTS))
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    print(_SCRIPTS[arguments.shell], end="")
    return 0


def candidates(parser: Parser, commands: Mapping[str, Parser], words: Sequence[str]) -> list[str]:
    """
    Return the candidates for the last word; an empty list if a file or a free text is expected.

    Args:
        parser: The parser of the whole command line.
        commands: The parsers of the commands, by name.
        words: The words that were typed after the name of the program. The last word may be empty.
    """
    *before, typed = words or [""]
    if typed == "=" or before[-1:] == ["="]:  # bash splits `--format=te` at the equals sign
        before, typed = (before[:-1], typed) if before[-1:] == ["="] else (before, "")
    if not before:
        found = [*commands, *parser.options] if not typed.startswith("-") else parser.options
    else:
        found = list(_of_command(commands.get(before[0]), before[1:], typed))
    return [word for word in found if word.startswith(typed)]


def _of_command(command: Parser | None, before: Sequence[str], typed: str) -> Iterable[str]:
    if command is None:
        return ()
    taking = {name: action for action in command.arguments if action.nargs != 0 for name in action.option_strings}
    if before and before[-1] in taking:
        return _values(taking[before[-1]], before)
    option = typed.partition("=")[0]
    if option in taking and "=" in typed:
        return [f"{option}={value}" for value in _values(taking[option], before)]
    if typed.startswith("-"):
        return command.options
    places = [action for action in command.arguments if not action.option_strings]
    return [value for action in places for value in _values(action, before)]


def _values(action: argparse.Action, before: Sequence[str]) -> Sequence[str]:
    if isinstance(action.type, OneOf):
        return action.type.words
    overlays = plugins.overlay_paths()
    if action.dest == "protocol":
        return known_protocols(overlays)
    if action.dest == "section":
        protocol = before[before.index("--protocol") + 1] if "--protocol" in before[:-1] else None
        return known_sections(protocol, overlays)
    return ()
