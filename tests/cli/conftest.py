"""The commands for models are tested with the small models, the host and the folder of `tests/models`."""

from tests.models.conftest import catalogued, host, impatient, no_proxy, package_folder, root, steps

__all__ = ["catalogued", "host", "impatient", "no_proxy", "package_folder", "root", "steps"]
