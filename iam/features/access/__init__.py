"""Access: who may do this to that, and what may somebody do at all.

Owns no table. Both questions are answered from the policies as they stand, by the engine that
decides, over the facts that it decides from. What a request's circumstances would have to be is not
known here, so an answer is `allowed` whatever they are, or `conditional` on what it names; nobody
who is not listed is allowed under any circumstances. Invariants: only principals of the caller's
own account are told of; what is listed is what `POST /v1/decisions` says.
"""
