"""The terminal's tool box: what every command of `iam` is made of.

* `commands.py`: declares a command; gives each the options that all have, and exit codes.
* `terminal.py`: what a command gets to work with.
* `output.py`, `tables.py`: answers as tables for people or as JSON for machines.
* `connection.py`, `profiles.py`: which server, as whom.
* `client.py`: the API as a client sees it.
* `failures.py`: what went wrong, as text and as an exit code.
* `references.py`, `documents.py`, `durations.py`: what people type.
* `host.py`: the installation on this host, for `serve` and the `--local` commands.

A command speaks to the server over HTTP like any other client. Importing this package must stay
quick: whatever is slow is imported where it is used.
"""
