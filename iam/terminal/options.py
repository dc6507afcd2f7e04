"""Options and arguments that several commands have."""

from typing import Annotated

import typer

DescriptionOption = Annotated[
    str | None, typer.Option("--description", metavar="TEXT", help="What it is for.")
]
BoundaryOption = Annotated[
    str | None,
    typer.Option("--boundary", metavar="POLICY", help="The permissions boundary that limits it."),
]
PathOption = Annotated[
    str | None, typer.Option("--path", metavar="/PATH/", help="Folder, part of the ARN; default /.")
]
PathPrefixOption = Annotated[
    str | None, typer.Option("--path-prefix", metavar="/PATH/", help="Only what is below it.")
]
StatusOption = Annotated[
    str | None, typer.Option("--status", metavar="STATUS", help="active or disabled.")
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", min=1, metavar="N", help="At most so many; default: all.")
]
TagsOption = Annotated[
    list[str] | None, typer.Option("--tag", metavar="KEY=VALUE", help="A tag; may be repeated.")
]
DocumentArgument = Annotated[
    str,
    typer.Argument(metavar="DOCUMENT", help="JSON, @FILE, or - for stdin."),
]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name, id or ARN.")]
NewNameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Its name, for good.")]
