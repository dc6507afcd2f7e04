"""`ETag` and `If-Match`: no change may be based on an outdated reading (RFC 9110 section 13)."""

from starlette.datastructures import Headers

from iam.errors import invalid, precondition_failed, precondition_required


def etag(version: int) -> str:
    """The entity tag of a version."""
    return f'"{version}"'


def check_if_match(headers: Headers, version: int | None) -> None:
    """Return if the caller has seen this version, or says that it does not matter (`*`).

    `None` is the version of what does not exist yet: to make it takes no `If-Match`, and with one
    the caller has seen what is gone by now.

    Raises `IamError` of kind `precondition_required` without an `If-Match`, `precondition_failed`
    when the caller has seen another version.
    """
    given = headers.get("if-match")
    if version is None and given is None:
        return
    if version is None:
        raise precondition_failed("etag_mismatch", "it does not exist, or does no longer")
    if given is None:
        raise precondition_required(
            "if_match_required", "send `If-Match` with the `ETag` that you read, or `*`"
        )
    # Of several headers, the one list that they stand for (RFC 9110 section 5.3).
    tags = [tag.strip() for tag in ",".join(headers.getlist("if-match")).split(",")]
    if tags == ["*"]:
        return
    if not all(tag.startswith('"') and tag.endswith('"') for tag in tags):
        # Weak tags never match here (RFC 9110 section 13.1.1).
        raise invalid("if_match_malformed", 'expected `If-Match: "..."` or `*`')
    if etag(version) not in tags:
        raise precondition_failed(
            "etag_mismatch", "it was changed since you read it; read it again"
        )


def is_unchanged(headers: Headers, version: int) -> bool:
    """Whether the caller has this version already (`If-None-Match`)."""
    given = headers.get("if-none-match", "")
    tags = {tag.strip().removeprefix("W/") for tag in given.split(",")}
    return etag(version) in tags
