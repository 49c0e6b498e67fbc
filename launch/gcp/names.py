"""Names, zones, buckets and durations in the forms that Google Cloud takes."""

import re

from launch.gcp.machines import near
from trainer.process.exits import UserError

# Room for what is added to it: a machine's number, and a folder's dot.
NAME_CHARS = 50
MOST_HOURS = 24 * 7
_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_ZONE = re.compile(r"[a-z]+-[a-z]+\d{1,2}-[a-z]")
_BUCKET = re.compile(
    r"gs://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9](/[A-Za-z0-9._=-]+)*"
)
_NETWORK = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
# Of most regions, as known in 2025-08, and not yet held against the document
# that says it now: cloud.google.com/compute/docs/regions-zones.
_ABC = (
    "africa-south1 asia-east1 asia-east2 asia-northeast1 asia-northeast2"
    " asia-northeast3 asia-south1 asia-south2 asia-southeast1 asia-southeast2"
    " australia-southeast1 australia-southeast2 europe-central2 europe-north1"
    " europe-north2 europe-southwest1 europe-west2 europe-west3 europe-west4"
    " europe-west6 europe-west8 europe-west9 europe-west10 europe-west12"
    " me-central1 me-central2 me-west1 northamerica-northeast1"
    " northamerica-northeast2 northamerica-south1 southamerica-east1"
    " southamerica-west1 us-east4 us-east5 us-south1 us-west1 us-west2"
    " us-west3 us-west4"
)
_OTHERS = {
    "europe-west1": "bcd",
    "us-central1": "abcf",
    "us-central2": "b",
    "us-east1": "bcd",
}
ZONES = [
    f"{region}-{letter}"
    for region, letters in {
        **dict.fromkeys(_ABC.split(), "abc"),
        **_OTHERS,
    }.items()
    for letter in letters
]


def check_name(name: str) -> str:
    """Checks a job's name, which is a label and begins its machines' names.

    Raises:
      UserError: it is of another form.
    """
    if not _NAME.fullmatch(name) or len(name) > NAME_CHARS:
        raise UserError(
            f"--name={name!r} must be {NAME_CHARS} or fewer of a-z, 0-9 and -,"
            " begin with a letter and not end with -"
        )
    return name


def zones_of(flag: str, text: str) -> tuple[str, ...]:
    """Reads zones between commas.

    Raises:
      UserError: one is of another form.
    """
    zones = tuple(text.split(","))
    for zone in zones:
        if not _ZONE.fullmatch(zone):
            raise UserError(
                f"{flag}={text!r} has {zone!r}, which must be a zone such as"
                f" us-central1-a; {near(zone, ZONES)}"
            )
    return zones


def doubt_of(zone: str) -> str | None:
    """Returns a warning of a zone of valid form that is not in the table."""
    if zone in ZONES:
        return None
    return f"zone {zone} is not in the table of 2025-08; {near(zone, ZONES)}"


def bucket_of(flag: str, text: str) -> str:
    """Reads gs://BUCKET or gs://BUCKET/FOLDER.

    Raises:
      UserError: it is of another form.
    """
    bucket = text.rstrip("/")
    if not _BUCKET.fullmatch(bucket) or "/../" in f"{bucket}/":
        raise UserError(
            f"{flag}={text!r} must be gs://BUCKET or gs://BUCKET/FOLDER, the"
            " bucket in small letters"
        )
    return bucket


def check_network(flag: str, text: str | None) -> None:
    """Checks the name of a network; None is the project's default.

    Raises:
      UserError: it is of another form.
    """
    if text is not None and not _NETWORK.fullmatch(text):
        raise UserError(
            f"{flag}={text!r} must be 63 or fewer of a-z, 0-9 and -, begin"
            " with a letter and not end with -"
        )


def seconds_of(flag: str, hours: float) -> int:
    """Reads a maximum run time.

    Raises:
      UserError: it is outside of what the provider takes.
    """
    if not 0.1 <= hours <= MOST_HOURS:
        raise UserError(f"{flag}={hours:g} must be from 0.1 to {MOST_HOURS}")
    return round(hours * 3600)
