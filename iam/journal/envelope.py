"""The form in which an event leaves: CloudEvents 1.0, JSON, structured."""

from typing import Any, Final

from iam.journal.outbox import Message

CONTENT_TYPE: Final = "application/cloudevents+json"


def envelope(message: Message, *, source: str, sequence: int) -> dict[str, Any]:
    """The event as receivers get it.

    `source` is the issuer. `account` and `sequence` are extensions of CloudEvents; the latter is a
    number within the channel, padded so that its text sorts as it does.
    """
    return {
        "specversion": "1.0",
        "id": message.id,
        "source": source,
        "type": message.type,
        "subject": message.subject,
        "time": message.created_at.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "account": message.account,
        "sequence": f"{sequence:020}",
        "data": message.data,
    }
