"""What each JSON file of a workdir holds, as far as it is read back.

Keys that a file may have beside these are its writers' own. A key that earlier
versions did not write is `NotRequired`. What has a rule over several of its
fields is a `Struct`, which says so.
"""

from typing import Annotated
from typing import Any
from typing import NotRequired
from typing import TypedDict

from msgspec import Meta
from msgspec import Struct
from msgspec import UNSET
from msgspec import UnsetType

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Scalar = bool | int | float | str | None
Field = Scalar | list[Scalar]
Interval = Annotated[list[float], Meta(min_length=2, max_length=2)]
# Sections of fields, or fields by their dotted paths.
Section = dict[str, Field | dict[str, Field]]
Config = dict[str, Field | Section]


class Rows(TypedDict):
    """How a row of the data is stored."""

    dtype: Annotated[str, Meta(pattern=r"^(bool|(u?int|float)\d{1,3})$")]
    shape: list[Count]


class Problem(Struct):
    """What the run predicts."""

    type: str
    activation: str
    loss: str
    metrics: list[str]
    outputs: Annotated[int, Meta(ge=1)]
    one_hot: bool
    class_names: list[str]
    headline: str = ""
    class_weights: list[float] = []
    focal_gamma: float = 2.0
    label_smoothing: float = 0.0
    threshold: float = 0.5
    temperature: float = 1.0

    def __post_init__(self) -> None:
        # A single output tells of two classes.
        if len(self.class_weights) not in (0, max(2, self.outputs)):
            raise ValueError("`class_weights` must have one of each class")


class Ranges(Struct):
    """Least and greatest of each value of a row; [] where none are known."""

    least: list[float]
    greatest: list[float]

    def __post_init__(self) -> None:
        if len(self.least) != len(self.greatest):
            raise ValueError("`least` must be as long as `greatest`")


class Data(Struct):
    """What the run is trained on; {} where a version says it elsewhere."""

    name: str | UnsetType = UNSET
    origin: str | UnsetType = UNSET
    folder: str | UnsetType | None = UNSET
    fingerprint: str | UnsetType = UNSET
    labels_sha256: dict[str, str] | None = None
    rows_sha256: dict[str, str] | None = None
    examples: dict[str, Count] | UnsetType = UNSET
    kind: str | UnsetType = UNSET
    x: Rows | UnsetType = UNSET
    problem: Problem | UnsetType = UNSET
    encoding: dict[str, Any] | UnsetType | None = UNSET
    ranges: Ranges | None = None

    def __post_init__(self) -> None:
        told = (
            *(self.name, self.origin, self.folder, self.fingerprint),
            *(self.examples, self.kind, self.x, self.problem, self.encoding),
        )
        if UNSET in told and any(each is not UNSET for each in told):
            raise ValueError("it says but a part of what the data are")
        if self.examples is not UNSET and "train" not in self.examples:
            raise ValueError("`examples` must have those of `train`")


class Topology(TypedDict):
    """What the run runs on."""

    strategy: str
    replicas: Count
    workers: Count
    networks: NotRequired[Count]


class Origin(TypedDict):
    """Another run, with whose weights the run began."""

    workdir: str
    weights_sha256: str


class Record(TypedDict):
    """record.json."""

    version: str
    revision: str | None
    python: str
    packages: dict[str, str | None]
    machine: str
    host: NotRequired[str]
    processor: str
    topology: Topology
    data: Data
    init_from: NotRequired[Origin | None]
    command: list[str]
    started: str


class Start(TypedDict):
    """A start of the run, in attempt.json."""

    began_unix_secs: float
    began_boot_secs: NotRequired[float | None]
    ended_unix_secs: NotRequired[float | None]
    ended_boot_secs: NotRequired[float | None]
    boot: NotRequired[str | None]
    exit_code: NotRequired[int | None]
    step: NotRequired[Count | None]
    began_step: NotRequired[Count]


class Attempt(Start):
    """attempt.json: the newest start, and those before it."""

    attempt: Annotated[int, Meta(ge=1)]
    run_began_unix_secs: float
    earlier: NotRequired[list[Start]]


class Held(TypedDict):
    """How much better the network is than another answer."""

    score: float
    difference: float
    interval: Interval | None


class Fitted(Struct):
    """The same of a model that was fitted, or why there is none."""

    left_out: str | UnsetType = UNSET
    score: float | UnsetType = UNSET
    difference: float | UnsetType = UNSET
    interval: Interval | UnsetType | None = UNSET

    def __post_init__(self) -> None:
        told = (self.score, self.difference, self.interval)
        if self.left_out is UNSET and UNSET in told:
            raise ValueError("it says neither a score nor why it is left out")


class Baselines(TypedDict):
    """What a split's score is held against."""

    metric: str
    rows: Count
    network: float
    guess: Held
    linear: Fitted


class Decision(Struct):
    """What was settled once the weights were."""

    threshold: float = 0.5
    temperature: float = 1.0
    # Whose weights it was fitted for.
    step: Count | UnsetType = UNSET
    # Validation rows that it was fitted on, where there are more.
    rows: Count | UnsetType = UNSET


class Result(TypedDict):
    """result.json."""

    status: str
    step: Count
    epoch: Count
    best_step: NotRequired[Count | None]
    evaluation: dict[str, dict[str, float]]
    weights_sha256: str
    examples_per_sec: float
    restarts: Count
    wall_secs: float
    goodput: dict[str, float]
    baselines: NotRequired[dict[str, Baselines]]
    decision: NotRequired[Decision]


class Ensemble(TypedDict):
    """ensemble.json: the workdirs, within this one, that are one model."""

    members: Annotated[list[str], Meta(min_length=1)]


ClassRow = TypedDict(
    "ClassRow",
    {
        "class": str,
        "precision": float,
        "recall": float,
        "f1": float,
        "support": Count,
        "precision_interval": Interval | None,
        "recall_interval": Interval | None,
    },
)


class Confusion(Struct):
    """Counts of rows, true class down and predicted class across."""

    # Left out beyond so many classes.
    matrix: list[list[Count]] | UnsetType = UNSET


class Bin(TypedDict):
    """Rows of like confidence."""

    rows: Count
    mean_probability: float
    right: float


class Calibration(TypedDict):
    """How far confidence is from being right."""

    ece: float
    bins: list[Bin]


class Mistake(Struct):
    """A row that was answered wrongly."""

    row: Count
    true: str
    predicted: str
    how_wrong: float
    picture: str | None
    why: str | None = None
    # Of a table's row.
    file: str | UnsetType = UNSET
    line: Count | UnsetType = UNSET
    cells: dict[str, str] | UnsetType = UNSET

    def __post_init__(self) -> None:
        if (self.file is UNSET) != (self.line is UNSET):
            raise ValueError("`file` and `line` go together")


class Importance(TypedDict):
    """How much the score falls once a column tells nothing."""

    column: str
    drop: float
    interval: Interval | None


class Dependence(Struct):
    """How the mean outputs go with a column."""

    column: str
    values: list[float | str]
    is_time: bool
    outputs: dict[str, list[float]]

    def __post_init__(self) -> None:
        if any(len(self.values) != len(y) for y in self.outputs.values()):
            raise ValueError("each of `outputs` must be as long as `values`")
        if len({isinstance(value, str) for value in self.values}) > 1:
            raise ValueError("`values` must be numbers, or all be texts")


class Columns(TypedDict):
    """Which columns a network answers by, or why nobody looked."""

    left_out: NotRequired[str]
    rows: NotRequired[Count]
    metric: NotRequired[str]
    importance: NotRequired[list[Importance]]
    dependence: NotRequired[list[Dependence]]


class Curve(Struct):
    """Precision and recall of a label."""

    label: str
    precision: list[float]
    recall: list[float]

    def __post_init__(self) -> None:
        if len(self.precision) != len(self.recall):
            raise ValueError("`precision` must be as long as `recall`")


class Detail(Struct):
    """detail.json."""

    step: Count
    split: str
    intervals: dict[str, Interval | None]
    mistakes: list[Mistake]
    per_class: list[ClassRow] = []
    confusion: Confusion | UnsetType = UNSET
    calibration: Calibration | UnsetType = UNSET
    curves: list[Curve] = []
    points: list[Interval] = []
    per_output: list[dict[str, float]] = []
    columns: Columns | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.confusion is UNSET or self.confusion.matrix is UNSET:
            return
        sizes = {len(self.confusion.matrix), *map(len, self.confusion.matrix)}
        if sizes != {len(self.per_class)}:
            raise ValueError("the confusion matrix must have a side a class")


class SketchedColumn(Struct):
    """How often a column has which values."""

    name: str
    start: Count
    edges: list[float]
    words: list[str]
    marks_missing: bool
    counts: list[Count]
    later: Count = 0

    def __post_init__(self) -> None:
        bins = len(self.words) or len(self.edges) + 1
        if len(self.counts) != bins + 2:
            raise ValueError("`counts` must have each bin, missing and new")


class Sketch(TypedDict):
    """sketch.json."""

    format: Annotated[int, Meta(ge=1, le=1)]
    is_image: bool
    columns: Annotated[list[SketchedColumn], Meta(min_length=1)]


class Sum(TypedDict):
    """A file's size and SHA-256."""

    bytes: Count
    sha256: str


class Files(TypedDict):
    """manifest.json of an export, or its model_card.json."""

    files: dict[str, Sum]


class Manifest(Files):
    """manifest.json of a checkpoint."""

    step: Count


class Alerts(TypedDict, total=False):
    """What alerts know of a run."""

    told: list[str]
    first_loss: float | None
    least_loss: float | None
    least_step: Count
    has_learnt: bool
    most_examples: Count


class State(TypedDict):
    """state.json of a checkpoint: where the run stands."""

    step: Count
    sums: NotRequired[list[float]]
    examples: NotRequired[Count]
    owed: NotRequired[dict[str, float] | None]
    alerts: NotRequired[Alerts]
    best: NotRequired[float | None]
    best_step: NotRequired[Count | None]
    worse: NotRequired[Count]
    stopped_early: NotRequired[bool]
    saved_unix_secs: NotRequired[float | None]
    saved_boot_secs: NotRequired[float | None]
    saved_boot: NotRequired[str | None]
    goodput: NotRequired[dict[str, float]]


class Line(TypedDict):
    """What every line of metrics.jsonl and timing.jsonl has."""

    step: Count
    epoch: Count
    split: str


class MetricsLine(Line):
    """A line of metrics.jsonl."""

    loss: float


class TimingLine(Line):
    """A line of timing.jsonl."""

    run_secs: float
    unix_secs: float


SumsLine = TypedDict(
    "SumsLine",
    {
        "step": Count,
        "split": str,
        "metrics.jsonl": str | None,
        "timing.jsonl": str | None,
    },
)


SCHEMAS: dict[str, Any] = {
    "config.json": Config,
    "record.json": Record,
    "attempt.json": Attempt,
    "result.json": Result,
    "detail.json": Detail,
    "ensemble.json": Ensemble,
    "sketch.json": Sketch,
}
