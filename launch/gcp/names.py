"""Names, zones, buckets and durations in the forms that Google Cloud takes."""

import re

from trainer.process.exits import UserError

# Room for what is added to it: a machine's number, and a folder's dot.
NAME_CHARS = 50
MOST_HOURS = 24 * 7
# The last part of a zone for AI alone is such as ai1a.
_ZONE = re.compile(r"[a-z]+-[a-z]+\d{1,2}-([a-z]|ai\d{1,2}[a-z])")
_REGION = re.compile(r"[a-z]+-[a-z]+\d{1,2}")
_ACCOUNT = re.compile(r"[a-z0-9][-a-z0-9]*@[a-z0-9.:-]+\.com")
_BUCKET = re.compile(
    r"gs://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9](/[A-Za-z0-9._=-]+)*"
)


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
                " us-central1-a"
            )
    return zones


def region_of(text: str) -> str:
    """Reads the value of --region.

    Raises:
      UserError: it is of another form.
    """
    if not _REGION.fullmatch(text):
        raise UserError(
            f"--region={text!r} must be a region such as us-central1"
        )
    return text


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


def check_account(flag: str, text: str | None) -> None:
    """Checks the name of a service account; None is the project's default.

    Raises:
      UserError: it is of another form.
    """
    if text is not None and not _ACCOUNT.fullmatch(text):
        raise UserError(
            f"{flag}={text!r} must be a service account's address, such as"
            " strata@PROJECT.iam.gserviceaccount.com"
        )


def seconds_of(flag: str, hours: float) -> int:
    """Reads a maximum run time.

    Raises:
      UserError: it is outside of what the provider takes.
    """
    if not 0.1 <= hours <= MOST_HOURS:
        raise UserError(f"{flag}={hours:g} must be from 0.1 to {MOST_HOURS}")
    return round(hours * 3600)
