"""The age format: what we write opens, what others wrote opens, what was changed does not."""

import io

import pytest

from iam.errors import IamError
from iam.kit import age, bech32
from iam.kit.age import AgeReader, Identity, Recipient, decrypt, encrypt

# The pair of the specification's own examples, and a file for it from another implementation.
KNOWN = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
KNOWN_RECIPIENT = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
FOREIGN = b"""-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBsYXJLa09uNkdqVHZ5WmVw
dXJjY3poYjRxcUdncWFGMTRMSWZsNS9DMzBnClJaUk53YmtEL2l1ZVJPQ2xXaEFJ
dWVQZTdkbHpPWGdjUStQR3dBcUFUbU0KLT4gaCRwUC1ncmVhc2UgPiI9VnogPUIl
IG4gRjBTCkU1aUYwa0tuT1F4R2V1NEdwVC9WZFNpVVQ2MXh2RXNqeEZwKzVFQzBv
a0hJV093a1pxVUVuWnFsRFF3c09YYTAKOXJkTHArWnhRcnh0Qm5yTmhXLy9pUUd6
MitIdAotLS0gcW9ZL0oyNlpXMnR5cFpPM05yMVdmQ09yTlNFREdYdFZqNW55cEg3
RGx3QQqqYsUE9Qcht53rlVhWOY5SWCi1OiPZQkemVtJwhHn9bIGNX4ojBnvVrLta
+USmF6s=
-----END AGE ENCRYPTED FILE-----
"""
CHUNK = 64 * 1024


def test_a_file_of_another_implementation_opens() -> None:
    assert decrypt(FOREIGN, [Identity.parse(KNOWN)]) == b"from another age"


def test_keys_are_written_as_age_writes_them() -> None:
    identity = Identity.parse(KNOWN)
    assert str(identity.recipient) == KNOWN_RECIPIENT
    assert identity.text == KNOWN
    assert Recipient.parse(KNOWN_RECIPIENT) == identity.recipient
    assert KNOWN not in repr(identity)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_each_recipient_alone_opens_a_file_of_any_size(size: int) -> None:
    first, second = Identity.new(), Identity.new()
    plain = bytes(range(256)) * (size // 256) + bytes(size % 256)
    content = encrypt(plain, [first.recipient, second.recipient])
    assert decrypt(content, [first]) == plain
    assert decrypt(age.armor(content).encode(), [Identity.new(), second]) == plain


def test_who_is_no_recipient_opens_nothing() -> None:
    content = encrypt(b"secret", [Identity.new().recipient])
    with pytest.raises(IamError) as caught:
        decrypt(content, [Identity.new()])
    assert caught.value.code == "age_not_for_us"


def test_f_37_every_flipped_bit_is_found() -> None:
    identity = Identity.new()
    content = encrypt(b"secret", [identity.recipient])
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 1
        with pytest.raises(IamError):
            decrypt(bytes(changed), [identity])


def test_f_37_an_end_that_was_cut_off_is_found_wherever_it_was_cut() -> None:
    identity = Identity.new()
    content = encrypt(bytes(3 * CHUNK), [identity.recipient])
    for length in (100, 200, len(content) - 1, len(content) - CHUNK - 16):
        with pytest.raises(IamError):
            decrypt(content[:length], [identity])
    with pytest.raises(IamError):
        decrypt(content + b"\0", [identity])


def test_chunks_that_changed_places_are_found() -> None:
    identity = Identity.new()
    content = encrypt(b"a" * CHUNK + b"b" * CHUNK + b"c", [identity.recipient])
    last = 1 + 16
    head = content[: -last - 2 * (CHUNK + 16)]
    first, second = content[len(head) :][: CHUNK + 16], content[len(head) + CHUNK + 16 : -last]
    with pytest.raises(IamError) as caught:
        AgeReader(io.BytesIO(head + second + first + content[-last:]), [identity]).read()
    assert caught.value.code == "age_broken"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "age1",
        KNOWN_RECIPIENT[:-1],
        KNOWN_RECIPIENT[:-1] + "q",
        KNOWN_RECIPIENT.replace("z", "Z", 1),
        KNOWN,
        bech32.encode("age", bytes(31)),
    ],
)
def test_what_is_no_recipient_is_refused(text: str) -> None:
    with pytest.raises(IamError) as caught:
        Recipient.parse(text)
    assert caught.value.code == "recipient_malformed"


def test_identities_are_found_among_comments_and_never_repeated_in_an_error() -> None:
    assert age.parse_identities(f"# mine\n\n{KNOWN}\n") == [Identity.parse(KNOWN)]
    with pytest.raises(IamError):
        age.parse_identities("# nothing\n")
    with pytest.raises(IamError) as caught:
        age.parse_identities(KNOWN[:-1])
    assert KNOWN[:-1] not in caught.value.message


@pytest.mark.parametrize("content", [b"", b"age", b"age-encryption.org/v1\n", FOREIGN[:200]])
def test_what_is_no_file_of_age_is_refused(content: bytes) -> None:
    with pytest.raises(IamError) as caught:
        decrypt(content, [Identity.parse(KNOWN)])
    assert caught.value.code in {"age_malformed", "age_broken"}
