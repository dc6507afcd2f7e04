"""Introspection: is this token good, and what does it say (RFC 7662).

Owns no table. Invariants: only a proven caller is answered; a caller learns of a token only when
it is the audience, the subject or the client of it, and of every other, forged, expired or ended
one it learns the same: `{"active":false}`. A token ends here at once when anything ends it.
"""
