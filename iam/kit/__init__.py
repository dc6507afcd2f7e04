"""Tools with no domain in them: time, ids, secrets, sealing, pages, outbound calls, caches.

This package owns every source of time and randomness, every cipher for data at rest, and the one
HTTP client of the server; nothing above may bring its own. It owns no tables, and knows no feature,
no settings and no framework: what a tool needs is an argument, so that tests own it too.
"""
