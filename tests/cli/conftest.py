"""The commands about models use the same toys as the models' own tests."""

from tests.models.conftest import catalogued, host, impatient, no_proxy, root, shelf, steps

__all__ = ["catalogued", "host", "impatient", "no_proxy", "root", "shelf", "steps"]
