"""Me: who the caller is, as this service sees it. Needs no permission, only a token.

Owns no table. Invariant: it tells about the caller and about nobody else.
"""
