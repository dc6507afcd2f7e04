from prometheus_client.parser import text_string_to_metric_families

from iam.features.health.rules import Check, Grade
from iam.features.health.schemas import exposition, health_out, lines
from iam.kit.metrics import Family, Metrics, gauge


def ours(text: str) -> set[str]:
    return {line for line in text.splitlines() if line.startswith("iam_")}


def counted() -> Metrics:
    metrics = Metrics()
    token = metrics.of("POST", "/oauth2/token")
    for seconds in (0.0004, 0.0005, 0.003, 60.0):
        token.add(200, seconds)
    token.add(503, 0.003)
    metrics.tokens.add("client_credentials", "issued", count=4)
    return metrics


def test_requests_are_told_by_route_and_class_and_by_how_long_they_took() -> None:
    found = ours(exposition([], counted()).decode())
    labels = 'method="POST",route="/oauth2/token"'
    assert {
        f'iam_http_requests_total{{{labels},status="2xx"}} 4.0',
        f'iam_http_requests_total{{{labels},status="5xx"}} 1.0',
        f'iam_http_request_duration_seconds_bucket{{le="0.0005",{labels}}} 2.0',
        f'iam_http_request_duration_seconds_bucket{{le="0.0025",{labels}}} 2.0',
        f'iam_http_request_duration_seconds_bucket{{le="0.005",{labels}}} 4.0',
        f'iam_http_request_duration_seconds_bucket{{le="10.0",{labels}}} 4.0',
        f'iam_http_request_duration_seconds_bucket{{le="+Inf",{labels}}} 5.0',
        f"iam_http_request_duration_seconds_count{{{labels}}} 5.0",
        'iam_tokens_total{grant="client_credentials",outcome="issued"} 4.0',
    } <= found


def test_prometheus_reads_what_is_written() -> None:
    family = Family("iam_x_total", 'A "quoted" one.', "counter", ("job",), [(('a"b\\c\n',), 2)])
    text = exposition([family, gauge("iam_y", "None of it.", None)], None).decode()
    read = {found.name: found for found in text_string_to_metric_families(text)}
    assert read["iam_x"].samples[0].labels == {"job": 'a"b\\c\n'}
    assert read["iam_x"].samples[0].value == 2
    assert read["iam_y"].samples == []


def test_the_same_goes_out_as_lines() -> None:
    tags = {"instance": "one"}
    found = list(lines([gauge("iam_y", "Y.", 3)], counted(), tags=tags, nanoseconds=7))
    assert "iam_y,instance=one value=3.0 7" in found
    assert (
        "iam_http_requests_total,instance=one,method=POST,route=/oauth2/token,status=2xx "
        "value=4.0 7" in found
    )
    assert any(line.startswith("process_resident_memory_bytes,instance=one ") for line in found)


def test_administrators_see_why() -> None:
    checks = [Check("database"), Check("clock", Grade.FAILED, "40 s", 40.12345)]
    assert health_out(checks) == {
        "ready": False,
        "checks": [
            {"name": "database", "status": "ok"},
            {"name": "clock", "status": "failed", "reason": "40 s", "value": 40.123},
        ],
    }
