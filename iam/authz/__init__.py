"""The server guards itself with its own engine: there is no second permission system.

* `actions.py`: the catalogue of every operation, with its resource and access level.
* `catalogues.py`: the same list as action catalogues, the form in which services register theirs.
* `facts.py`: what the engine must know of a principal, as one frozen value.
* `gather.py`: the facts from the database.
* `snapshots.py`: the same facts from memory, for the fast lane.
* `standing.py`: whether a token still counts.
* `authenticate.py`: who a bearer token speaks for.
* `authorize.py`: asks the engine, and refuses with a decision id.
"""
