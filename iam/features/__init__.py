"""One folder per thing an operator can name.

File names mean one thing each: `routes.py` (JSON API), `fast.py` (fast lane), `pages.py` (HTML),
`commands.py` (CLI) and `jobs.py` (scheduled) are doors that never see each other; `schemas.py` are
wire shapes; `service.py` use cases; `queries.py` reads and `snapshots.py` read models; `rules.py`
pure domain logic. `users` is the reference: build new features in its shape.
"""
