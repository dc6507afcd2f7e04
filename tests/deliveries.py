"""Deliveries that nobody has to attempt first."""

from iam.kit.ids import IdKind, new_id
from iam.models import Delivery, DeliveryState
from tests.world import World


async def bury_one(world: World, channel_id: str, *, account: str = "main") -> str:
    """A dead delivery of a channel; returns its id."""
    async with world.work() as uow:
        row = Delivery(
            id=new_id(IdKind.DELIVERY, uow.now),
            account=account,
            channel_id=channel_id,
            message_id=new_id(IdKind.EVENT, uow.now),
            type="iam.user.created.v1",
            subject=f"arn:iam:iam::{account}:user/ana",
            subject_key="",
            sequence=1,
            state=DeliveryState.DEAD,
            queued_at=uow.now,
            next_attempt_at=uow.now,
            last_reason="http_500",
            ended_at=uow.now,
        )
        uow.add(row)
        return row.id
