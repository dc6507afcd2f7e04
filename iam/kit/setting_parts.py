"""Parts of the settings: knobs of what lies in `kit`. `iam.settings` puts them together."""

from datetime import timedelta
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Part(BaseModel):
    """A group of settings; a variable of a name that it has not is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class MetricsSettings(Part):
    """What the service measures of itself, and where it sends that."""

    enabled: bool = Field(
        default=True, description="count requests, tokens and decisions for `/metrics`"
    )
    push_url: str | None = Field(
        None,
        description="where to send the same as InfluxDB line protocol: an HTTP address such as "
        "`https://telegraf:8186/write?db=iam`, `udp://host:port` or `unix:///path`",
    )
    push_token: str | None = Field(
        None, repr=False, description="sent along as `Authorization: Token ...`"
    )
    push_interval: timedelta = Field(
        timedelta(seconds=15), ge=timedelta(seconds=1), le=timedelta(hours=1),
        description="how often that is sent",
    )  # fmt: skip

    @field_validator("push_url")
    @classmethod
    def _is_pushable(cls, value: str | None) -> str | None:
        if value is not None and urlsplit(value).scheme not in {"http", "https", "udp", "unix"}:
            raise ValueError("expected an address of http, https, udp or unix")
        return value


class TracingSettings(Part):
    """OpenTelemetry traces."""

    endpoint: str | None = Field(
        None,
        description="where to send traces by OTLP over HTTP, such as "
        "`https://otel-collector:4318/v1/traces`; without it there are none",
    )
    sampled: float = Field(
        0.1, ge=0, le=1,
        description="share of the traces beginning here that are kept; a caller that keeps its "
        "own decides for ours",
    )  # fmt: skip
    token: str | None = Field(
        None, repr=False, description="sent along as `Authorization: Bearer ...`"
    )
    service_name: str = Field("iam", min_length=1, description="`service.name` of all traces")
