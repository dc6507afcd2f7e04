"""Use cases of configuration: plan, apply, export."""

from iam.features.configuration.service.applying import apply_configuration
from iam.features.configuration.service.planning import export_configuration, plan_configuration

__all__ = ["apply_configuration", "export_configuration", "plan_configuration"]
