"""
Print the tables as regular expressions, for programs in any language.

    errnorm export json >errnorm.json
    errnorm export fail2ban >/etc/fail2ban/filter.d/errnorm.conf
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from errnorm import plugins
from errnorm.cli.arguments import OneOf, Parser
from errnorm_adapters.tools.export.expressions import Exported, exported, expression
from errnorm_adapters.tools.export.writers import CONTRACT, WRITERS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CONTRACT", "WRITERS", "Exported", "exported", "expression", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run the command.

    Args:
        argv: The arguments without the program's name; by default those of the process.

    Returns:
        0.

    Raises:
        TableError: If a table or an overlay is not valid.
    """
    parser = Parser(prog="errnorm export", description="Print the tables as regular expressions, for programs in any language.")
    parser.add_argument("form", type=OneOf("form", WRITERS), help="json, vrl (Vector), ottl (OpenTelemetry Collector), fail2ban")
    parser.add_argument("--tables", action="append", metavar="FILE", help="a file with rows of your own; may be repeated")
    arguments = parser.parse_args(argv)
    overlays = plugins.overlay_paths(arguments.tables)
    tables = [plugins.load_table(protocol, overlays) for protocol in plugins.protocols()]
    for line in WRITERS[arguments.form](tables):
        print(line)
    return 0
