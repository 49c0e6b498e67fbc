"""The folder that --data_dir names, and the one that it named before."""

import os
import platform
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer.process.exits import UserError
from trainer.storage.names import is_remote
from trainer.storage.names import local_place


def recorded_folder(record: Mapping[str, Any]) -> str | None:
    """Returns where a run's data stood, if it is this machine's.

    A workdir may be a stranger's, and is then not to say what is fetched or
    read here.

    Args:
      record: the run's record.json.

    Raises:
      UserError: it is another machine's, a bucket's, or gone.
    """
    folder: str | None = record.get("data", {}).get("folder")
    if folder is None:
        return None
    host = record.get("host", "another machine")
    if is_remote(folder) or host != platform.node():
        there = "" if is_remote(folder) else f" of {host}"
        raise UserError(
            f"the run's data is said to be {folder}{there}, which is not read"
            f" unasked; name it by {shlex.join([f'--data_dir={folder}'])}, or"
            " another folder of the data"
        )
    if not os.path.exists(folder):
        raise UserError(
            f"{folder}, which the run was trained on, is gone; name the data's"
            " folder by --data_dir"
        )
    return folder


def path_of(data_dir: str) -> Path:
    """Returns the path that --data_dir names, a leading ~ resolved.

    Raises:
      UserError: no file can have such a name.
    """
    try:
        path = Path(local_place(data_dir))
        path.lstat()
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        raise UserError(
            f"--data_dir={data_dir!r} cannot be opened ({error}); name the"
            " folder that holds the data"
        ) from None
    return path


def list_folder(data_dir: str) -> dict[str, Path]:
    """Returns {name: path} of what is in a folder, hidden names left out.

    Raises:
      UserError: where there is no such folder or it cannot be read.
    """
    folder = path_of(data_dir)
    try:
        paths = sorted(folder.iterdir())
        # Names may be told of a folder whose files must not be looked at.
        os.stat(os.path.join(folder, os.curdir))
    except FileNotFoundError:
        raise UserError(
            f"--data_dir={data_dir} does not exist; give a folder of this"
            " machine that holds the data"
        ) from None
    except NotADirectoryError:
        if not folder.is_file():
            raise UserError(
                f"--data_dir={data_dir} is a pipe or a device, which cannot be"
                " read twice; write what it holds to a file, such as data.csv,"
                " and name that"
            ) from None
        raise UserError(
            f"--data_dir={data_dir} is not a folder; give the folder the file"
            " is in"
        ) from None
    except OSError as error:
        raise UserError(
            f"--data_dir={data_dir} cannot be read ({error.strerror}); allow"
            " it or give another folder"
        ) from None
    return {path.name: path for path in paths if path.name[0] != "."}
