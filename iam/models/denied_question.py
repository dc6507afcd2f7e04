"""Questions that `POST /v1/decisions` answered with no: kept a while, so that one can ask why."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from iam.models.base import AccountColumn, Base, IdColumn


class DeniedQuestion(Base, kw_only=True):
    """One question and who asked it, however often; its account is that of whom it is about.

    Of the decisions on it the first and the latest are known by their id.
    """

    __tablename__ = "denied_questions"
    __table_args__ = (
        Index("ix_denied_questions_first_decision_id", "first_decision_id"),
        Index("ix_denied_questions_decision_id", "decision_id"),
        Index("ix_denied_questions_last_at", "last_at"),
    )

    # Stands for all that makes it the same question; see `journal/denied_questions.py`.
    question_key: Mapped[str] = mapped_column(String(64), primary_key=True)
    account: Mapped[str] = mapped_column(AccountColumn)
    principal_id: Mapped[str] = mapped_column(IdColumn)
    principal: Mapped[str] = mapped_column(String(700))
    session: Mapped[str | None] = mapped_column(String(700), default=None)
    action: Mapped[str] = mapped_column(String(128))
    resource: Mapped[str] = mapped_column(Text)
    # NULL when it was too much to keep.
    context: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    asker: Mapped[str] = mapped_column(String(700))
    asker_id: Mapped[str] = mapped_column(IdColumn)
    effect: Mapped[str] = mapped_column(String(16))
    first_decision_id: Mapped[str] = mapped_column(IdColumn)
    decision_id: Mapped[str] = mapped_column(IdColumn)
    times: Mapped[int] = mapped_column(default=1)
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
