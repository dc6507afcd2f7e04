"""Where the values of settings come from, and which one counts. Knows no setting.

The first that has a value wins: a variable `IAM_X`, the file that `IAM_X_FILE` names, the file
`/run/secrets/iam_x`, and the configuration file that `IAM_CONFIG_FILE` names (TOML).
"""

import difflib
import os
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

PREFIX: Final = "IAM_"
CONFIG_FILE: Final = "IAM_CONFIG_FILE"
RUN_SECRETS: Final = Path("/run/secrets")
_FILE: Final = "_FILE"
_NESTS: Final = "__"


def variable_of(name: str) -> str:
    """The variable of a setting: `tokens.user_ttl` is `IAM_TOKENS__USER_TTL`."""
    return PREFIX + name.replace(".", _NESTS).upper()


def name_of(variable: str) -> str:
    """The setting that a variable would be of, whether there is one or not."""
    return variable.removeprefix(PREFIX).lower().replace(_NESTS, ".")


@dataclass(frozen=True, slots=True)
class Given:
    """A value, and where it is from: a variable, or the path of a file."""

    value: Any = field(repr=False)
    source: str


@dataclass(frozen=True, slots=True)
class Found:
    """What there is.

    Attributes:
        given: By the setting's dotted name, the value that counts.
        problems: What cannot be read, or is given in vain. No value is in it.
        strangers: Variables `IAM_...` that are no setting; they may be the SDK's.
    """

    given: Mapping[str, Given]
    problems: Sequence[str]
    strangers: Sequence[str]

    def tree(self) -> dict[str, Any]:
        """The values, nested as the settings are."""
        tree: dict[str, Any] = {}
        for name, given in self.given.items():
            *path, last = name.split(".")
            part = tree
            for each in path:
                part = part.setdefault(each, {})
            part[last] = given.value
        return tree


def find(
    names: Collection[str],
    environ: Mapping[str, str] | None = None,
    *,
    run_secrets: Path = RUN_SECRETS,
) -> Found:
    """Look for the settings of these dotted names everywhere."""
    search = _Search(frozenset(names), os.environ if environ is None else environ)
    given = {
        **search.document(),
        **search.secrets(run_secrets),
        **search.named_files(),
        **search.variables(),
    }
    return Found(given, search.problems, search.strangers)


def nearest(word: str, words: Collection[str]) -> str | None:
    """The one of these that was probably meant."""
    return next(iter(difflib.get_close_matches(word, sorted(words), n=1)), None)


class _Search:
    def __init__(self, names: frozenset[str], environ: Mapping[str, str]) -> None:
        self._names = names
        self._groups = {name.partition(".")[0] for name in names if "." in name}
        self._environ = {name.upper(): value for name, value in environ.items()}
        self.problems: list[str] = []
        self.strangers: list[str] = []

    def variables(self) -> dict[str, Given]:
        """What variables say themselves."""
        given = {}
        for variable, value in sorted(self._environ.items()):
            if not variable.startswith(PREFIX) or variable == CONFIG_FILE:
                continue
            if (name := name_of(variable)) in self._names:
                given[name] = Given(value, variable)
            elif name.partition(".")[0] in self._groups and not self._names_file(variable):
                self.problems.append(f"{variable}: {self._advice(name)}")
            elif not self._names_file(variable):
                self.strangers.append(variable)
        return given

    def named_files(self) -> dict[str, Given]:
        """What is in the files that variables name."""
        given = {}
        for variable, path in sorted(self._environ.items()):
            if self._names_file(variable):
                text = self._read(Path(path), of=variable)
                if text is not None:
                    given[name_of(variable.removesuffix(_FILE))] = Given(text.strip(), variable)
        return given

    def secrets(self, directory: Path) -> dict[str, Given]:
        """What is in the files of the directory in which containers find their secrets."""
        given = {}
        for file in sorted(directory.iterdir()) if directory.is_dir() else ():
            name = name_of(file.name.upper())
            if file.name.upper().startswith(PREFIX) and name in self._names and file.is_file():
                text = self._read(file, of=str(file))
                if text is not None:
                    given[name] = Given(text.strip(), str(file))
        return given

    def document(self) -> dict[str, Given]:
        """What the configuration file says."""
        path = self._environ.get(CONFIG_FILE)
        text = self._read(Path(path), of=CONFIG_FILE) if path else None
        if path is None or text is None:
            return {}
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            # Its text tells the line and what was expected there, and quotes one character at most.
            self.problems.append(f"{path}: no valid TOML: {error}")
            return {}
        given = {}
        for name, value in _leaves(document, self._groups):
            if name in self._names:
                given[name] = Given(value, path)
            else:
                self.problems.append(f"{path}: `{name}`: {self._advice(name)}")
        return given

    def _names_file(self, variable: str) -> bool:
        # `IAM_MASTER_KEY_FILE` is a setting of its own: the key itself is never a variable.
        is_ours = variable.startswith(PREFIX) and variable.endswith(_FILE)
        if not is_ours or name_of(variable) in self._names:
            return False
        return name_of(variable.removesuffix(_FILE)) in self._names

    def _read(self, path: Path, *, of: str) -> str | None:
        try:
            return path.read_text(encoding="utf-8")
        except OSError as error:
            self.problems.append(f"{of}: cannot read {path}: {error.strerror}")
        except UnicodeDecodeError:
            self.problems.append(f"{of}: {path} is no text in UTF-8")
        return None

    def _advice(self, name: str) -> str:
        if name in self._groups:
            return f"is a group of settings, such as {min(self._of_group(name))}"
        meant = nearest(name, self._names | self._groups)
        return "no such setting" + (f"; `{meant}` perhaps?" if meant else "")

    def _of_group(self, group: str) -> Iterator[str]:
        return (variable_of(name) for name in self._names if name.startswith(f"{group}."))


def _leaves(document: Mapping[str, Any], groups: Collection[str]) -> Iterator[tuple[str, Any]]:
    for key, value in document.items():
        if key in groups and isinstance(value, dict):
            yield from ((f"{key}.{name}", inner) for name, inner in value.items())
        else:
            yield key, value
