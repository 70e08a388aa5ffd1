"""All scenarios: each module registers its own."""

import scenarios_files  # noqa: F401
import scenarios_processes  # noqa: F401
import scenarios_sharing  # noqa: F401
from scenario import SCENARIOS

__all__ = ["SCENARIOS"]
