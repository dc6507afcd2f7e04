"""The README's tour is real: its commands, in order, print what it shows."""

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from tests.contracts.source_tree import ROOT
from tests.ports import free_port

README = (ROOT / "README.md").read_text(encoding="utf-8")
TOUR = README.partition("<!-- tour:")[2].partition("<!-- end of the tour -->")[0]
SHOWN = re.compile(
    r"^\$ \./dev iam (?P<command>.*)\n(?P<output>(?:(?!\$ |```).*\n)*)", re.MULTILINE
)
IAM = [sys.executable, "-m", "iam"]
# What differs from run to run, and what it is replaced by before the comparison.
CHANGING = {
    r"\b(crd|dec|evt|grp|pol|req|svc|usr)_[0-9a-z]{26}\b": r"\1_ID",
    r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ?": "TIME",
    r"http://localhost:\d+": "URL",
    r"in \S+/\.config/": "in ~/.config/",
}


def stable(text: str) -> str:
    """What a command prints, without what differs from run to run."""
    for pattern, replacement in CHANGING.items():
        text = re.sub(pattern, replacement, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


@contextmanager
def serving(folder: Path) -> Iterator[dict[str, str]]:
    """A server on an empty directory; yields the environment of who types on the same machine."""
    port = free_port()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("IAM_")}
    environment = {
        **clean,
        "PYTHONUNBUFFERED": "1",  # stdout and stderr in the order in which a person sees them
        "HOME": str(folder),
        "IAM_COMMAND": "./dev iam",
        "IAM_DATA_DIR": str(folder / "data"),
        "IAM_ISSUER": f"http://localhost:{port}",
    }
    command = [*IAM, "serve", "--port", str(port)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as server:
        try:
            wait_for(f"http://localhost:{port}/oauth2/jwks", server)
            yield environment
        finally:
            server.terminate()


def wait_for(url: str, server: "subprocess.Popen[bytes]") -> None:
    with httpx2.Client(trust_env=False) as client:
        for _ in range(1200):
            assert server.poll() is None, "the server did not start"
            try:
                if client.get(url).status_code == 200:
                    return
            except httpx2.TransportError:
                time.sleep(0.1)
    raise TimeoutError(url)


def test_the_tour_prints_what_the_readme_shows(tmp_path: Path) -> None:
    steps = [(found["command"], found["output"]) for found in SHOWN.finditer(TOUR)]
    assert len(steps) == 9
    with serving(tmp_path) as environment:
        for command, shown in steps:
            ran = subprocess.run(
                [*IAM, *shlex.split(command)],
                check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                env=environment, cwd=tmp_path,
            )  # fmt: skip
            assert stable(ran.stdout) == stable(shown), f"$ iam {command}"


def test_the_first_policy_has_five_lines() -> None:
    (printed,) = [
        found["output"]
        for found in SHOWN.finditer(TOUR)
        if found["command"].startswith("policy new")
    ]
    document, _, _ = printed.partition("\n\n")
    assert len(document.splitlines()) == 5


def test_what_it_is_takes_five_lines() -> None:
    about = README.split("\n\n")[1]
    assert len(about.splitlines()) == 5


def test_every_link_leads_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_decision_is_listed() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert pages
    for page in pages:
        number, title = re.match(r"# (\d+)\. (.*)", page.read_text(encoding="utf-8")).groups()  # type: ignore[union-attr]  # no match fails the test as well
        assert f"| {number} | [{title}](adr/{page.name}) |" in index
