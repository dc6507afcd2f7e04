"""How simulations go over the wire, and their part of the OpenAPI document."""

from typing import Any, Final

from iam.features.simulation.schemas import answer_schema, request_schema
from iam.features.simulation.schemas.answers import outcome_out

__all__ = ["OPENAPI", "outcome_out"]

OPENAPI: Final[dict[str, Any]] = {
    "/v1/policies:simulate": {
        "post": {
            "operationId": "SimulateCustomPolicy",
            "tags": ["policies"],
            "summary": "Simulate policies, or what a principal may do",
            "description": (
                "Request and answer of AWS's `SimulateCustomPolicy` and, with "
                "`policy_source_arn`, of `SimulatePrincipalPolicy`, which takes "
                "`iam:SimulatePrincipalPolicy` on that ARN. Every member is AWS's, in words of "
                "lower case with underscores: `PolicySourceArn` is `policy_source_arn`. "
                "`session_policy_input_list`, `service_control_policy_input_list`, "
                "`resource_control_policy_input_list`, `caller_id`, "
                "`blocked_by`, `explain`, `explanation`, and `layer`, `statement`, `sid` of a "
                "statement are this API's own. `ResourceHandlingOption` is left out: it chooses "
                "between kinds of EC2 instances. A group is no principal; simulate its members."
            ),
            "x-iam-action": "iam:SimulateCustomPolicy",
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": request_schema.REQUEST,
                        "example": request_schema.EXAMPLE,
                    }
                },
            },
            "responses": {
                "200": {
                    "description": "One result for each action, in order",
                    "content": {
                        "application/json": {
                            "schema": answer_schema.ANSWER,
                            "example": answer_schema.EXAMPLE,
                        }
                    },
                }
            },
        }
    }
}
