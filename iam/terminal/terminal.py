"""What a command gets to work with: the server's API, and where its answer goes."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from iam.terminal.connection import ConnectionChoice, find_connection
from iam.terminal.failures import usage
from iam.terminal.output import Output
from iam.terminal.references import Reference, parse_reference
from iam.terminal.tables import Column

if TYPE_CHECKING:
    from iam.terminal.client import Api


class Terminal:
    """One run of one command."""

    def __init__(self, choice: ConnectionChoice, output: Output) -> None:
        self.choice = choice
        self.output = output
        self._open = ExitStack()

    @cached_property
    def api(self) -> "Api":
        """The server; found and asked for a token when it is first needed."""
        from iam.terminal.client import Api

        api = Api(find_connection(self.choice))
        self._open.callback(api.close)
        return api

    def list(
        self, path: str, columns: Sequence[Column], *, limit: int | None = None, **query: Any
    ) -> None:
        """Show a list of the API."""
        pages = self.api.pages(path, at_most=limit, **query)
        self.output.records(columns, list(islice(pages, limit)))

    def refer(self, text: str, *kinds: str) -> Reference:
        """What was named on the command line."""
        return parse_reference(text, *kinds)

    def create(self, collection: str, /, **members: Any) -> None:
        """Create what was described, and show it; members that are None are left out."""
        given = {name: value for name, value in members.items() if value is not None}
        self.output.record(self.api.post(collection, given))

    def update(self, reference: Reference, /, **changes: Any) -> None:
        """Change what was given, and show the result."""
        given = {name: value for name, value in changes.items() if value is not None}
        if not given:
            raise usage("nothing to change", "name at least one option; `--help` lists them")
        self.output.record(self.api.patch(reference.path, given))

    def deleted(self, reference: Reference) -> None:
        """Delete, and say so."""
        self.api.delete(reference.path)
        self.output.done(f"deleted {reference}")

    def close(self) -> None:
        """Give back what is open."""
        self._open.close()
