"""Several texts as one, so that no two lists of texts ever become the same one.

Joining by a separator lets ``a|b`` + ``c`` collide with ``a`` + ``b|c``; a length before each part
does not. Whatever keys a cache or is authenticated beside a ciphertext goes through here.
"""


def framed(*parts: str) -> str:
    """The parts as netstrings (``3:abc,``), with lengths in characters.

    Different lists give different texts: the encoding is injective.
    """
    return "".join(f"{len(part)}:{part}," for part in parts)
