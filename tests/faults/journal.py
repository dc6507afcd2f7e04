"""What a load client sent and was told, line by line, on the disk before anything else happens.

The place of a line is its time: what began on a later line than another ended on began after it.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self


class Result(StrEnum):
    """What the client was told."""

    OK = "ok"
    FAIL = "fail"
    """Refused: nothing may have happened."""
    UNKNOWN = "unknown"
    """No answer, or one that does not say whether it happened."""


@dataclass(slots=True, kw_only=True)
class Operation:
    """One request and what became of it.

    Attributes:
        id: Also the request's `X-Request-Id`.
        kind: Such as `user.create`.
        key: The id or name of what it is about.
        start: The line on which it began.
        sent: What the checker has to know of the request.
        end: The line of its answer; `None` when there is none.
        result: What the client was told.
        status: The HTTP status; 0 when no answer came.
        got: What the checker has to know of the answer.
        retry_of: The operation that this one repeats, with the same `Idempotency-Key`.
        happened: For one of unknown result: what was found out later; `None` when nothing was.
    """

    id: str
    kind: str
    key: str
    start: int
    sent: Mapping[str, Any]
    retry_of: str | None = None
    end: int | None = None
    result: Result = Result.UNKNOWN
    status: int = 0
    got: Mapping[str, Any] = field(default_factory=dict)
    happened: bool | None = None

    @property
    def root(self) -> str:
        """The id of the first try."""
        return self.retry_of or self.id

    @property
    def was_done(self) -> bool:
        """Whether it is known to have happened."""
        return self.result is Result.OK or bool(self.happened)


class Journal:
    """Keeps operations, and appends a flushed line for everything that becomes known of them."""

    def __init__(self, path: Path) -> None:
        self._file: Final = path.open("ab", buffering=0)
        self.is_durable = True
        """Whether each line is on the disk before anything else happens, and not only written."""
        self._count = 0
        self.operations: dict[str, Operation] = {}

    def begin(
        self,
        kind: str,
        key: str,
        sent: Mapping[str, Any] | None = None,
        *,
        retry_of: str | None = None,
    ) -> Operation:
        """Write down what is about to be sent."""
        name = f"op-{len(self.operations):06d}"
        line = {"op": name, "kind": kind, "key": key, "sent": sent or {}, "retry_of": retry_of}
        start = self._append(line)
        operation = Operation(
            id=name, kind=kind, key=key, start=start, sent=sent or {}, retry_of=retry_of
        )
        self.operations[name] = operation
        return operation

    def end(
        self, operation: Operation, result: Result, status: int, got: Mapping[str, Any]
    ) -> Operation:
        """Write down what came back."""
        line = {"op": operation.id, "result": result, "status": status, "got": got}
        operation.end = self._append(line)
        operation.result, operation.status, operation.got = result, status, got
        return operation

    def settle(self, operation: Operation, *, happened: bool) -> None:
        """Write down what was found out about an operation without an answer."""
        operation.end = self._append({"op": operation.id, "happened": happened})
        operation.happened = happened

    def since(self, line: int) -> list[Operation]:
        """The operations that began on this line or later."""
        return [found for found in self.operations.values() if found.start >= line]

    @property
    def length(self) -> int:
        """How many lines there are."""
        return self._count

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _append(self, line: Mapping[str, Any]) -> int:
        self._file.write(json.dumps(line).encode() + b"\n")
        if self.is_durable:
            os.fsync(self._file.fileno())
        self._count += 1
        return self._count - 1


def read_journal(path: Path) -> list[Operation]:
    """The operations as the file has them; a last line that is torn does not count."""
    operations: dict[str, Operation] = {}
    for number, line in enumerate(_whole_lines(path)):
        operation = operations.get(line["op"])
        if operation is None:
            operations[line["op"]] = Operation(
                id=line["op"], kind=line["kind"], key=line["key"], start=number,
                sent=line["sent"], retry_of=line["retry_of"],
            )  # fmt: skip
            continue
        operation.end = number
        if "happened" in line:
            operation.happened = line["happened"]
        else:
            operation.result = Result(line["result"])
            operation.status, operation.got = line["status"], line["got"]
    return list(operations.values())


def _whole_lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):
            yield json.loads(line)
