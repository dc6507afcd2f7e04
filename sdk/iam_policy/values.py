"""Values that are made once a decision: frozen to the type checker, plain at run time.

A frozen dataclass sets each field through ``object.__setattr__``, which for a request and its
decision would cost more than deciding. Type checkers see these classes as frozen, and refuse an
assignment; at run time nothing stops it, and nothing here does it.
"""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

Value = TypeVar("Value")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def quick_value(cls: type[Value]) -> type[Value]:
    """Make a dataclass with slots, equal and hashable by its fields."""
    return dataclass(slots=True, unsafe_hash=True)(cls)
