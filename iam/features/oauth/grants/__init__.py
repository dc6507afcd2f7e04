"""The grants that the token endpoint knows, one file each. The pipeline is in `service.py`."""

from collections.abc import Mapping
from typing import Final

from iam.features.oauth.grants.base import GrantType
from iam.features.oauth.grants.client_credentials import ClientCredentials

_ALL: Final[tuple[GrantType, ...]] = (ClientCredentials(),)

GRANTS: Final[Mapping[str, GrantType]] = {grant.name: grant for grant in _ALL}
"""By the value of `grant_type`."""
