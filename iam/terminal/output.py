"""Where answers go: tables for people, JSON for machines, failures to stderr."""

import csv
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, TextIO

from iam.terminal.failures import Failure
from iam.terminal.tables import Column, fields, safe_lines, shown, table

_ETAG: Final = "version"
"""Only programs want it: it is the number that `If-Match` takes."""


class Output:
    """Shows what a command has to say.

    Args:
        as_json: JSON on stdout, and failures as JSON on stderr.
        stdout: Where answers go.
        stderr: Where failures and remarks go.
    """

    def __init__(
        self, *, as_json: bool, stdout: TextIO | None = None, stderr: TextIO | None = None
    ) -> None:
        self.as_json = as_json
        self._stdout = stdout or sys.stdout
        self._stderr = stderr or sys.stderr

    def records(self, columns: Sequence[Column], records: Sequence[Mapping[str, Any]]) -> None:
        """A list of records."""
        if self.as_json:
            self.json(records)
        elif records:
            self._print(table(columns, records, width=self._width()))
        else:
            self.remark("(none)")

    def rows(
        self, columns: Sequence[Column], records: Sequence[Mapping[str, Any]], *, as_csv: bool
    ) -> None:
        """A list of records, or the same as CSV (RFC 4180) with a heading and empty cells empty."""
        if not as_csv:
            self.records(columns, records)
            return
        writer = csv.writer(self._stdout)
        writer.writerow([column.title.lower().replace(" ", "_") for column in columns])
        writer.writerows([[column.cell(one, nothing="") for column in columns] for one in records])

    def record(self, record: Mapping[str, Any]) -> None:
        """One record with all its members; documents stand below the rest, as JSON."""
        if self.as_json:
            self.json(record)
            return
        pairs = [
            (name.replace("_", " "), shown(value))
            for name, value in record.items()
            if name != _ETAG and not _is_nested(value)
        ]
        self._print(fields(pairs))
        for name, value in record.items():
            if _is_nested(value):
                document = json.dumps(value, indent=2, ensure_ascii=False)
                self._print(f"\n{name.replace('_', ' ')}\n{safe_lines(document)}")

    def done(self, text: str, record: Mapping[str, Any] | None = None) -> None:
        """Something was done: a line for people, the record for machines."""
        if self.as_json:
            self.json(record or {})
        else:
            self.text(text)

    def text(self, text: str) -> None:
        """Text for people; may have several lines."""
        self._print(safe_lines(text))

    def json(self, value: Any) -> None:
        """A value as JSON."""
        self._print(json.dumps(value, indent=2, ensure_ascii=False))

    def json_line(self, value: Any) -> None:
        """A value as JSON on one line, for answers that are read line by line."""
        self._print(json.dumps(value, ensure_ascii=False))

    def remark(self, text: str) -> None:
        """A remark that is no part of the answer."""
        print(safe_lines(text), file=self._stderr)

    def failure(self, failure: Failure) -> None:
        """Say what went wrong and what to do."""
        if self.as_json and failure.message:
            error = {"error": failure.message, "advice": failure.advice, **failure.detail}
            print(json.dumps(error), file=self._stderr)
            return
        if failure.message:
            self.remark(f"iam: {failure.message}")
        if failure.advice:
            self.remark(f"     {failure.advice}")

    def _print(self, text: str) -> None:
        print(text, file=self._stdout)

    def _width(self) -> int:
        # A pipe has no width: what reads it wants one record a line.
        return shutil.get_terminal_size().columns if self._stdout.isatty() else 0


def _is_nested(value: Any) -> bool:
    """Whether a value is a document rather than a few words."""
    if isinstance(value, Mapping):
        return any(isinstance(item, Mapping | list) for item in value.values())
    return isinstance(value, list) and any(isinstance(item, Mapping) for item in value)
