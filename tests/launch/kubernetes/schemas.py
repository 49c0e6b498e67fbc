"""The published schemas of what a manifest holds."""

import kubernetes_validate

LATEST = str(kubernetes_validate.latest_version())
# The first version in which pod failure policies are there for good.
OLDEST = "1.31"


def validate(document):
    """Holds an object against its schema, strictly."""
    for version in (OLDEST, LATEST):
        kubernetes_validate.validate(document, version, strict=True)
