"""The objects of a gs:// folder, by Google's own client.

The client is imported where a folder in a bucket is named, and not before.
"""

import base64
import contextlib
import hashlib
import http.client
import pathlib
from collections.abc import Iterator
from typing import BinaryIO
from typing import NamedTuple

from trainer.process.exits import ClusterError
from trainer.process.exits import UserError
from trainer.process.extras import missing_package
from trainer.storage.files import new_file
from trainer.storage.names import split_remote

# One request; the client tries again for two minutes where that may help.
REQUEST_SECS = 60.0
# Most requests that are under way at once: ranges of what is streamed.
STREAMS = 32


class ConflictError(Exception):
    """An object is not of the generation that was expected."""


class Entry(NamedTuple):
    """What a bucket tells of an object.

    Attributes:
      generation: a number that each write makes anew.
      size: in bytes.
      md5: base64; None of an object that was put together.
    """

    generation: int
    size: int
    md5: str | None

    def is_of(self, data: bytes) -> bool:
        """Whether the object has this content."""
        return self.size == len(data) and self.md5 == md5_of(data)


def md5_of(data: bytes) -> str:
    digest = hashlib.md5(data, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


class Folder:
    """Objects whose names begin alike.

    Raises:
      UserError: the name is malformed, the client is not installed, there are
        no credentials, or they do not suffice.
      ClusterError: the bucket cannot be reached.
    """

    def __init__(self, name: str) -> None:
        self.name = name.rstrip("/")
        bucket, self._path = split_remote(name)
        try:
            from google.cloud import storage
        except ImportError:
            raise missing_package(name, "google-cloud-storage", "gcs") from None
        with self._told():
            # No project: its buckets alone are asked for, by name.
            client = storage.Client(project=None)
            self._bucket = client.bucket(bucket)
            self._session = _keeping_connections(client._http)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Tells the client's errors by whom they concern."""
        import requests
        import urllib3
        from google.api_core import exceptions
        from google.auth import exceptions as credentials
        from google.cloud.storage import exceptions as transfers

        try:
            yield
        except exceptions.PreconditionFailed as error:
            raise ConflictError(self.name) from error
        except credentials.DefaultCredentialsError as error:
            raise UserError(
                f"{self.name}: there are no Google credentials ({error}); run"
                " gcloud auth application-default login"
            ) from error
        except exceptions.NotFound as error:
            raise FileNotFoundError(self.name) from error
        except (
            exceptions.BadRequest,
            exceptions.Forbidden,
            exceptions.Unauthorized,
        ) as error:
            raise UserError(
                f"{self.name} may not be used ({error.message}); mend its name,"
                " or ask for the role Storage Object User"
            ) from error
        except (
            exceptions.GoogleAPIError,
            credentials.GoogleAuthError,
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            transfers.DataCorruption,
            transfers.InvalidResponse,
        ) as error:
            raise ClusterError(
                f"{self.name} cannot be reached ({error})"
            ) from error

    def _blob(self, name: str):  # type: ignore[no-untyped-def]
        return self._bucket.blob(f"{self._path}/{name}" if name else self._path)

    def list(self) -> dict[str, Entry]:
        """Returns all objects by their names within the folder."""
        start = f"{self._path}/"
        try:
            with self._told():
                return {
                    blob.name.removeprefix(start): _entry(blob)
                    for blob in self._bucket.list_blobs(
                        prefix=start, timeout=REQUEST_SECS
                    )
                    if not blob.name.endswith("/")
                }
        except FileNotFoundError:
            raise UserError(
                f"{self.name}: there is no such bucket; make it, or name"
                " another"
            ) from None

    def entry(self, name: str) -> Entry | None:
        """Returns what there is of an object; "" names the folder itself."""
        blob = self._blob(name)
        with contextlib.suppress(FileNotFoundError), self._told():
            blob.reload(timeout=REQUEST_SECS)
            return _entry(blob)
        return None

    def read(self, name: str) -> bytes:
        """Returns an object's content.

        Raises:
          FileNotFoundError: there is no such object.
        """
        with self._told():
            return bytes(self._blob(name).download_as_bytes())

    def read_range(
        self, name: str, start: int, stop: int, *, generation: int
    ) -> bytes:
        """Returns a part of an object, by any thread.

        The client's own download would copy it in pieces of 8 KiB.

        Args:
          name: of the object.
          start: its first byte.
          stop: the byte behind its last.
          generation: that the object must have.

        Raises:
          ConflictError: it has another.
          FileNotFoundError: it is gone.
        """
        from google.api_core import exceptions
        from google.cloud.storage.retry import DEFAULT_RETRY

        url = (
            f"{self._bucket.client.api_endpoint}/download/storage/v1"
            f"{self._blob(name).path}?alt=media"
            f"&ifGenerationMatch={generation}"
        )
        headers = {"Range": f"bytes={start}-{stop - 1}"}

        def ask() -> bytes:
            with self._session.get(
                url, headers=headers, stream=True, timeout=REQUEST_SECS
            ) as answer:
                if answer.status_code != http.client.PARTIAL_CONTENT:
                    raise exceptions.from_http_response(answer)
                # A body that is cut raises what is tried again.
                part = bytes(answer.raw.read(decode_content=False))
                if len(part) != stop - start:
                    raise ConnectionError(f"{len(part)} bytes came")
                return part

        with self._told():
            return DEFAULT_RETRY(ask)()

    def download(self, name: str, path: pathlib.Path) -> None:
        """Writes an object to a file, which is whole or as it was.

        Raises:
          FileNotFoundError: there is no such object.
        """
        with new_file(path) as file, self._told():
            self._blob(name).download_to_file(file, checksum="md5")

    def upload(
        self,
        name: str,
        source: bytes | BinaryIO,
        *,
        generation: int | None = None,
    ) -> Entry:
        """Writes an object.

        Args:
          name: of the object.
          source: its content, or a file.
          generation: that the object must have, 0 where there must be none;
            None where it does not matter.

        Raises:
          ConflictError: it has another, and other content.
        """
        blob = self._blob(name)
        options = {
            "checksum": "md5",
            "timeout": REQUEST_SECS,
            "if_generation_match": generation,
        }
        try:
            with self._told():
                if isinstance(source, bytes):
                    blob.upload_from_string(source, **options)
                else:
                    blob.upload_from_file(source, rewind=True, **options)
                return _entry(blob)
        except FileNotFoundError:
            raise ClusterError(f"{self.name}: its bucket is gone") from None
        except ConflictError:
            # A request whose answer was lost is sent again, and then it is we
            # who were first.
            found = self.entry(name)
            data = source if isinstance(source, bytes) else _content(source)
            if found is None or not found.is_of(data):
                raise
            return found

    def delete(self, name: str, generation: int | None = None) -> None:
        """Removes an object, if it is there and of that generation.

        Raises:
          ConflictError: it is of another.
        """
        with contextlib.suppress(FileNotFoundError), self._told():
            self._blob(name).delete(
                if_generation_match=generation, timeout=REQUEST_SECS
            )


def _keeping_connections(session):  # type: ignore[no-untyped-def]
    """Has a session keep a connection for each of STREAMS threads."""
    import requests

    adapter = requests.adapters.HTTPAdapter(pool_maxsize=STREAMS)
    for scheme in ("https://", "http://"):
        session.mount(scheme, adapter)
    return session


def _content(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read()


def _entry(blob) -> Entry:  # type: ignore[no-untyped-def]
    return Entry(int(blob.generation), int(blob.size), blob.md5_hash)
