"""The one place that opens a table by its file's name and first bytes."""

import re
from pathlib import Path

from trainer.process.exits import UserError
from trainer.tables import arrow_file
from trainer.tables import csv_file
from trainer.tables import text_file
from trainer.tables.table_file import TableFile

# How names of tables end; of text, packed too.
TEXT_SUFFIXES = (".csv", ".tsv", ".tab", ".psv", ".txt")
PACKED_SUFFIXES = (".gz", ".bz2", ".xz", ".zst")
ARROW_SUFFIXES = (".parquet", ".pq", ".feather", ".arrow", ".ipc")
# A text of another name than these may be anything: a note, a licence.
_SURE = (*TEXT_SUFFIXES[:-1], *ARROW_SUFFIXES)
KINDS = (
    f"{', '.join(TEXT_SUFFIXES)} (packed as {', '.join(PACKED_SUFFIXES)}, too),"
    f" {', '.join(ARROW_SUFFIXES)}"
)
_SPREADSHEETS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".numbers")
_UNPACK = "unpack it, and name the table that was in it"
_PACK = "unpack it, or pack it by gzip, bzip2, xz or Zstandard"
_HEADED = "write it as CSV, with a header"
_PIXELS = "save the pixels of all images as .npy files"
_AS_CSV = (
    "open it in the program that wrote it, and save the sheet as CSV UTF-8"
    " (File, Save As)"
)
# Kinds that are not read: what they are, and what makes a table of them.
_REFUSED = {
    **dict.fromkeys(_SPREADSHEETS, ("a spreadsheet", _AS_CSV)),
    **dict.fromkeys(
        (".zip", ".7z", ".rar", ".tar", ".tgz", ".tbz2", ".txz"),
        ("an archive", _UNPACK),
    ),
    ".lz4": ("packed by LZ4", _PACK),
    ".lzma": ("packed by LZMA", _PACK),
    ".z": ("packed by compress", _PACK),
    ".br": ("packed by Brotli", _PACK),
    ".json": ("JSON", _HEADED),
    ".jsonl": ("JSON lines", _HEADED),
    ".arff": ("ARFF", _HEADED),
    ".rds": ("R's own format", "save it by R's write.csv"),
    ".rda": ("R's own format", "save it by R's write.csv"),
    ".rdata": ("R's own format", "save it by R's write.csv"),
    ".dta": ("Stata's own format", "save it as CSV"),
    ".sav": ("SPSS's own format", "save it as CSV"),
    ".sas7bdat": ("SAS's own format", "save it as CSV"),
    ".pkl": ("pickled objects", "save it by pandas' to_csv"),
    ".pickle": ("pickled objects", "save it by pandas' to_csv"),
    ".h5": ("HDF5", "save its arrays as .npy files"),
    ".hdf5": ("HDF5", "save its arrays as .npy files"),
    ".orc": ("ORC", "save it as Parquet"),
    ".avro": ("Avro", "save it as Parquet"),
    ".tfrecord": (
        "TFRecord, in which no row is found without all before it",
        "write its rows as .npy files or Parquet shards, as docs/your_data.md"
        " shows",
    ),
}
# What a file is whose first bytes are none of a table's, whatever its name.
_FOREIGN = {
    b"PK\3\4": ("a spreadsheet or an archive", _AS_CSV),
    b"\xd0\xcf\x11\xe0": ("a spreadsheet", _AS_CSV),
    b"\x7fELF": ("a program", "name a table"),
    b"%PDF": ("a PDF", "name a table"),
    b"\x93NUMPY": ("a NumPy array", "give its file's name the ending .npy"),
    b"\x89HDF": ("HDF5", "save its arrays as .npy files"),
    b"SQLite format 3\0": ("a database", _HEADED),
    b"\xff\xff\xff\xff": (
        "an Arrow stream",
        "write it as a file, by pyarrow's ipc.new_file",
    ),
    b"7z\xbc\xaf": ("an archive", _UNPACK),
    b"Rar!\x1a": ("an archive", _UNPACK),
    b"\x04\x22\x4d\x18": ("packed by LZ4", _PACK),
    b"]\0\0": ("packed by LZMA", _PACK),
    b"\x1f\x9d": ("packed by compress", _PACK),
    **dict.fromkeys(
        (b"\x89PNG", b"\xff\xd8\xff", b"GIF87a", b"GIF89a"),
        ("a picture", _PIXELS),
    ),
}
# A column may be called "insert into"; comments and short commands may precede.
_SQL = (
    rb"(?i)(?:--[^\n]*\n\s*|/\*[^*]*\*/;?\s*|(?:drop|use|set)\s[^;\n]*;\s*)*+"
    rb"(?:insert\s+into\s[^(,;\n]+(?:\([^)]*\)\s*)?values\b"
    rb"|create\s+table\s[^(,;\n]+\(\s*\n)"
)
# Texts that are no table, whatever their name: a pattern of how each begins.
_TEXTS = {
    rb"(?i)(?:%[^\n]*\n\s*)*@relation\s": ("ARFF", _HEADED),
    _SQL: ("an SQL script", _HEADED),
    rb"(?i)<(!doctype html|html)\b": ("a web page", _HEADED),
    rb"<\?xml\b": ("XML", _HEADED),
    rb'\{\s*"[^"]*"\s*:|\[\s*(\{\s*"|\[)': ("JSON", _HEADED),
}
# Where a tar archive says that it is one, past the first file's own facts.
_TAR_PLACE, _TAR = 257, b"ustar"
_TEXT_BYTES = 2**12


def is_table(name: str) -> bool:
    """Whether a file's name is that of a table."""
    return _suffix(name) in (*TEXT_SUFFIXES, *ARROW_SUFFIXES)


def is_surely_table(name: str) -> bool:
    """Whether it is, and no name that notes and licences have, too."""
    return _suffix(name) in _SURE


def stem(name: str) -> str:
    """Returns a table's name without its ending, "a" of a.csv.gz."""
    suffix = _suffix(name)
    return name[: name.lower().rindex(suffix)] if suffix else name


def _suffix(name: str) -> str:
    """Returns how a name ends, in small letters, that of packing left out."""
    path = Path(name.lower())
    if path.suffix in PACKED_SUFFIXES and is_text_name(path.stem):
        path = Path(path.stem)
    return path.suffix


def is_text_name(name: str) -> bool:
    """Whether a name is that of a text that may be packed."""
    return name.endswith(TEXT_SUFFIXES)


def refuse_kind(path: Path) -> None:
    """Refuses a file whose name tells that it is of a kind that is not read.

    Raises:
      UserError: with what makes a table of it.
    """
    # Shards have their number behind the ending.
    is_records = ".tfrecord" in path.name.lower()
    suffix = ".tfrecord" if is_records else _suffix_within(path)
    if suffix in _REFUSED:
        what, remedy = _REFUSED[suffix]
        raise UserError(f"{path} is {what}, which is not read; {remedy}")


def _suffix_within(path: Path) -> str:
    """Returns how a name ends, that of packing left out if that tells more."""
    name = Path(path.name.lower())
    within = Path(name.stem).suffix
    is_packed = name.suffix in PACKED_SUFFIXES
    return within if is_packed and within in _REFUSED else name.suffix


def _refuse_content(path: Path) -> None:
    """Refuses a text that is no table, packed or not.

    Raises:
      UserError: with what makes a table of it.
    """
    begin = text_file.first_unpacked(path, _TEXT_BYTES)
    text = begin.removeprefix(b"\xef\xbb\xbf").lstrip()
    found = [told for m, told in _FOREIGN.items() if begin.startswith(m)]
    found += [told for p, told in _TEXTS.items() if re.match(p, text)]
    if begin[_TAR_PLACE:].startswith(_TAR):
        found.append(("an archive", _UNPACK))
    if text_file.is_packed(begin) or arrow_file.opener(begin):
        found.append(("packed twice", "unpack it once"))
    for what, remedy in found[:1]:
        raise UserError(f"{path} is {what} and no table; {remedy}")


def open_table(path: Path) -> TableFile:
    """Opens a table and reads its header.

    Args:
      path: a file of KINDS; what it holds is told by its first bytes.

    Raises:
      UserError: it is no such file, or has no header.
    """
    if not path.is_file():
        found = "is no regular file" if path.exists() else "does not exist"
        raise UserError(f"{path} {found}; name a file of rows")
    begin = text_file.first_bytes(path)
    for magic, (what, remedy) in _FOREIGN.items():
        if begin.startswith(magic):
            refuse_kind(path)
            raise UserError(f"{path} is {what} and no table; {remedy}")
    if opener := arrow_file.opener(begin):
        return opener(path)
    _refuse_content(path)
    return csv_file.open_csv(path)


def holds_text(path: Path) -> bool:
    """Whether a file may be a text, packed or not, by its first bytes.

    Raises:
      UserError: it cannot be read.
    """
    begin = text_file.first_bytes(path)
    return not (begin.startswith((*_FOREIGN,)) or arrow_file.opener(begin))
