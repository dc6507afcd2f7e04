"""Files that people write: YAML or JSON, read strictly, with the place of everything in them.

Read are the events of the parser, and nothing is built by it: there are no tags, no anchors and no
aliases (a few lines of those can stand for gigabytes), no member stands twice, and a plain word is
text unless JSON knows it: `no`, `on` and `2012-10-17` are not what YAML 1.1 takes them for.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from iam.terminal.failures import ExitCode, Failure, usage
from iam_policy.defects import shown_member

MAX_BYTES: Final = 4 << 20
MAX_DEPTH: Final = 40
MAX_NODES: Final = 200_000

_WORDS: Final = {"": None, "~": None, "null": None, "true": True, "false": False}
_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})\.[0-9]{1,17}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands; lines and columns count from 1."""

    line: int
    column: int


@dataclass(slots=True)
class WrittenDocument:
    """A document and where its parts stand.

    Attributes:
        name: Of its file, as it was given.
        value: What it says.
        places: The place of each part, by its JSON path.
    """

    name: str
    value: Any = None
    places: dict[str, Place] = field(default_factory=dict)

    def where(self, path: str) -> str:
        """`access.yaml:12:5` for a JSON path; for one that is not there, what is above it."""
        while path and path not in self.places:
            cut = max(path.rfind("."), path.rfind("["))
            path = path[:cut] if cut > 0 else ""
        found = self.places.get(path, Place(1, 1))
        return f"{self.name}:{found.line}:{found.column}"

    def located(self, failure: Failure) -> Failure:
        """A refusal whose `errors` are about this document, with the place of each."""
        errors = [
            {**error, "file": self.name, "place": self.where(str(error.get("path", "$")))}
            for error in failure.detail.get("errors") or ()
        ]
        if not errors:
            return failure
        heading = failure.message.partition("\n")[0]
        lines = [f"{one['place']}: {one['path']}: {one['message']}" for one in errors]
        detail = {**failure.detail, "errors": errors}
        text = "\n".join([heading, *lines])
        return Failure(text, exit_code=ExitCode.USAGE, detail=detail)


def read_written(argument: str) -> WrittenDocument:
    """Read a file, or stdin for `-`.

    Raises `Failure` with everything that is wrong with it.
    """
    name = "stdin" if argument == "-" else argument
    text = _text(argument)
    reader = _Reader(WrittenDocument(name))
    reader.read(text)
    if reader.defects:
        raise usage("\n".join([f"`{name}` cannot be read", *reader.defects]))
    return reader.document


def written(value: Any) -> str:
    """A JSON value as YAML, always the same for the same value."""
    import yaml

    def dumped(*, allow_unicode: bool) -> str:
        found: str = yaml.dump(
            value,
            Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper),
            sort_keys=False,
            default_flow_style=False,
            allow_unicode=allow_unicode,
            width=100,
        )
        return found

    text = dumped(allow_unicode=True)
    # What a terminal would obey, or not show, is escaped.
    return text if text.replace("\n", "").isprintable() else dumped(allow_unicode=False)


def _text(argument: str) -> str:
    try:
        if argument == "-":
            data = sys.stdin.read().encode()
        else:
            with Path(argument).expanduser().open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        text = data.decode()
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise usage(f"cannot read `{argument}`: {reason}") from None
    if len(data) > MAX_BYTES:
        raise usage(f"`{argument}` is larger than {MAX_BYTES} bytes")
    return text


class _StopReadingError(Exception):
    """Nothing that follows can be made sense of."""


class _Reader:
    """Reads one document from the events of a parser."""

    def __init__(self, document: WrittenDocument) -> None:
        self.document = document
        self.defects: list[str] = []
        self._nodes = 0

    def read(self, text: str) -> None:
        import yaml

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            self._document(yaml.parse(text, Loader=loader))
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._refuse(mark, error.problem or "it is not YAML")
        except yaml.YAMLError as error:
            self._refuse(None, str(error).partition("\n")[0])
        except _StopReadingError:
            pass

    def _document(self, events: Iterator[Any]) -> None:
        for event in events:
            match type(event).__name__:
                case "StreamStartEvent" | "DocumentStartEvent" | "DocumentEndEvent":
                    continue
                case "StreamEndEvent":
                    return
                case _ if "$" in self.document.places:
                    self._refuse(event.start_mark, "expected one document, found another one")
                    raise _StopReadingError
            self.document.value = self._value(event, events, "$", 0)

    def _value(self, event: Any, events: Iterator[Any], path: str, depth: int) -> Any:
        self.document.places[path] = _place(event.start_mark)
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            self._refuse(event.start_mark, "it is nested too deep, or too large")
            raise _StopReadingError
        kind = type(event).__name__
        if kind == "AliasEvent" or event.anchor is not None:
            self._refuse(event.start_mark, "anchors and aliases are not accepted; write it out")
        if kind == "AliasEvent":
            return None
        self._check_tag(event)
        if kind == "MappingStartEvent":
            return self._mapping(events, path, depth)
        if kind == "SequenceStartEvent":
            return self._sequence(events, path, depth)
        return event.value if event.style else _plain(event.value)

    def _mapping(self, events: Iterator[Any], path: str, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for event in events:
            if type(event).__name__ == "MappingEndEvent":
                break
            name = self._name(event)
            below = path + shown_member(name)
            if name in found:
                self._refuse(event.start_mark, f"`{name}` stands twice")
            mark = event.start_mark
            found[name] = self._value(next(events), events, below, depth + 1)
            self.document.places[below] = _place(mark)  # the name is where people look
        return found

    def _sequence(self, events: Iterator[Any], path: str, depth: int) -> list[Any]:
        found: list[Any] = []
        for event in events:
            if type(event).__name__ == "SequenceEndEvent":
                break
            found.append(self._value(event, events, f"{path}[{len(found)}]", depth + 1))
        return found

    def _name(self, event: Any) -> str:
        if type(event).__name__ != "ScalarEvent":
            self._refuse(event.start_mark, "expected a name, found a list, an object or an alias")
            raise _StopReadingError
        if event.anchor is not None:
            self._refuse(event.start_mark, "anchors and aliases are not accepted; write it out")
        self._check_tag(event)
        return str(event.value)

    def _check_tag(self, event: Any) -> None:
        if event.tag is not None:
            self._refuse(event.start_mark, f"the tag `{event.tag}` is not accepted")

    def _refuse(self, mark: Any, message: str) -> None:
        place = Place(1, 1) if mark is None else _place(mark)
        self.defects.append(f"{self.document.name}:{place.line}:{place.column}: {message}")


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1)


def _plain(text: str) -> Any:
    """What a word without quotes means: what JSON knows, or the word itself."""
    folded = text.lower()
    if folded in _WORDS:
        return _WORDS[folded]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text
