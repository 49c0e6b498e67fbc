"""The config's fields: meaning and unit, name, type, default and rule.

Standard library alone, so that a mistake is found before TensorFlow is
imported.
"""

import dataclasses

from trainer.config.rules import at_least
from trainer.config.rules import BELOW_1
from trainer.config.rules import one_of
from trainer.config.rules import POSITIVE
from trainer.config.rules import Rule
from trainer.config.rules import ruled
from trainer.config.rules import SHARE
from trainer.config.rules import UNIT_INTERVAL


@dataclasses.dataclass
class AugmentationConfig:
    # Training images are distorted anew each time they are seen: turned by up
    # to so many degrees either way, scaled by up to this share in height and
    # in width, sheared by up to this slope, shifted by up to so many pixels.
    rotation_degrees: float = ruled(0.0, at_least(0))
    scale: float = ruled(0.0, BELOW_1)
    shear: float = ruled(0.0, at_least(0))
    shift_pixels: float = ruled(0.0, at_least(0))
    # Elastic distortion (Simard, Steinkraus & Platt 2003): each pixel is moved
    # by noise from -1 to 1, smoothed by a Gaussian of sigma, times alpha.
    elastic_alpha_pixels: float = ruled(0.0, at_least(0))
    elastic_sigma_pixels: float = ruled(4.0, POSITIVE)
    # Over this last share of the run all of them shrink linearly to none, so
    # that it ends on images as those that are scored.
    fade_fraction: float = ruled(0.0, SHARE)

    @property
    def distorts(self) -> bool:
        """Whether images are changed at all."""
        return any(
            (
                self.rotation_degrees,
                self.scale,
                self.shear,
                self.shift_pixels,
                self.elastic_alpha_pixels,
            )
        )


@dataclasses.dataclass
class DataConfig:
    # Where the arrays come from. "files" is the user's own .npz, .npy or table,
    # found in --data_dir.
    source: str = ruled(
        "digits",
        one_of(
            "digits",
            "mnist",
            "fashion_mnist",
            "breast_cancer",
            "wine",
            "diabetes",
            "digits_attributes",
            "digits_ink",
            "digits_pixels",
            "files",
        ),
    )
    # A table's column of labels; None for the last that is not ignored.
    target: str | None = None
    # Columns of a table that are not read.
    ignore: tuple[str, ...] = ()
    # COLUMN=READING of columns of a CSV file whose cells do not tell by
    # themselves how they are read: "decimal_point", "decimal_comma",
    # "day_first", "month_first", "year_first"; or "text" for categories.
    read_as: tuple[str, ...] = ()
    # A table's column that names groups of rows, such as "patient_id": no group
    # has rows both in training and in a split that is held out. It is no
    # feature. None where each row stands for itself.
    group: str | None = None
    # A table's column of numbers or times by which its rows stand in order:
    # splits that are held out are the last rows of it, so that nothing is
    # learnt from later ones. It is no feature. None where the order is of no
    # matter.
    order: str | None = None
    # A table's column of what each row counts in the loss, 0 or more. It is no
    # feature. Weights are scaled to a mean of 1 over the training rows; scores
    # count each row once. None where all rows count alike.
    weight: str | None = None
    # What becomes of a CSV file's numbers some of which lie more than 20
    # interquartile ranges from the training rows' median: "signed_log" takes
    # the logarithm of 1 + their distance from it in such ranges, with its sign;
    # "quantiles" their rank among the training rows, from -1 to 1; "none"
    # leaves them as they are.
    heavy_tails: str = ruled("none", one_of("none", "signed_log", "quantiles"))
    # A table's texts in fewer training rows than this share one feature of
    # their column, with texts that no training row has; 1 for none.
    rare_rows: int = ruled(1, at_least(1))
    # What a row of each class counts in the loss: "balanced" for as much as all
    # other classes' rows, whatever their number, or such as "no=1,yes=5"; None
    # for 1.
    class_weight: str | None = None
    # The class of a binary problem whose chance is told, and that precision and
    # recall are of; None for the second in sorted order.
    positive_class: str | None = None
    # Share of the training rows held out for validation, drawn by the seed and
    # stratified where there are classes; 0 for none. Not used where the source
    # has a validation split of its own.
    validation_fraction: float = ruled(0.0, BELOW_1)
    # Part the training rows into so many folds, in place of that share, and
    # validate on the one of this number, from 0: drawn by the seed, with groups
    # whole or classes spread evenly; of rows in an order each fold is a block,
    # trained on are those before it. None for no folds.
    folds: int | None = ruled(None, at_least(2))
    fold: int = ruled(0, at_least(0))
    # Share of the rows that become the test split of a source without one.
    test_fraction: float = ruled(0.2, UNIT_INTERVAL)
    # "scale" divides by the largest value of the data's kind (255 for uint8);
    # "standardize" subtracts the mean and divides by the standard deviation of
    # the training rows; "auto" scales integers of a known range whose mean is
    # below half of it, and standardizes all else.
    normalization: str = ruled(
        "auto", one_of("auto", "none", "scale", "standardize")
    )
    # "standardize" trains a regression on targets of mean 0 and deviation 1
    # (predictions and every metric but the loss stay in the target's own
    # units); "auto" does so for "regression", and divides those of "count" by
    # their mean.
    target_normalization: str = ruled(
        "auto", one_of("auto", "none", "standardize")
    )
    # Of images alone, and in training alone.
    augmentation: AugmentationConfig = dataclasses.field(
        default_factory=AugmentationConfig
    )


@dataclasses.dataclass
class ModelConfig:
    # Width of each hidden layer, first to last; () for a linear model.
    hidden_units: tuple[int, ...] = ruled(
        (128,),
        Rule(
            lambda value: all(units >= 1 for units in value),
            "must be widths of 1 or more",
        ),
    )
    activation: str = ruled(
        "relu",
        one_of(
            "relu",
            "leaky_relu",
            "sigmoid",
            "tanh",
            "elu",
            "selu",
            "gelu",
            "silu",
            "softplus",
            "softsign",
            "relu6",
            "hard_sigmoid",
            "hard_silu",
            "mish",
            "exponential",
            "linear",
        ),
    )
    # Slope below 0 of "leaky_relu" (Keras's default).
    leaky_relu_slope: float = ruled(0.3, at_least(0))
    kernel_initializer: str = ruled(
        "glorot_uniform",
        one_of(
            "glorot_uniform",
            "glorot_normal",
            "he_uniform",
            "he_normal",
            "lecun_uniform",
            "lecun_normal",
            "orthogonal",
        ),
    )
    # Share of each hidden layer's outputs set to 0 in training.
    dropout: float = ruled(0.0, BELOW_1)
    # Normalise each hidden layer's values, before its activation.
    layer_normalization: bool = False
    # Weight of the penalty l2 * sum(kernel ** 2), biases excepted. The loss
    # that is printed is that of the data alone.
    l2: float = ruled(0.0, at_least(0))
    # Add each hidden layer's input to its output, through a linear projection
    # where the widths differ (He et al. 2016, equation 2).
    skip_connections: bool = False


@dataclasses.dataclass
class ScheduleConfig:
    # The course of the learning rate after warm-up.
    name: str = ruled(
        "constant", one_of("constant", "cosine", "linear", "piecewise")
    )
    # Linear rise from 0 over this share of the run.
    warmup_fraction: float = ruled(0.0, BELOW_1)
    # Where "cosine" and "linear" end, as a share of the learning rate.
    final_fraction: float = ruled(0.0, SHARE)
    # "piecewise": the learning rate is multiplied by factors[i] from the share
    # boundaries[i] of the run on.
    boundaries: tuple[float, ...] = ruled(
        (),
        Rule(
            lambda value: (
                all(0 < share < 1 for share in value)
                and sorted(set(value)) == list(value)
            ),
            "must rise, each more than 0 and less than 1",
        ),
    )
    factors: tuple[float, ...] = ruled(
        (),
        Rule(
            lambda value: all(factor > 0 for factor in value),
            "must be more than 0",
        ),
    )

    @property
    def is_constant(self) -> bool:
        """Whether the learning rate is the same at each step."""
        return self.name == "constant" and not self.warmup_fraction


@dataclasses.dataclass
class OptimizerConfig:
    name: str = ruled("rmsprop", one_of("sgd", "rmsprop", "adam", "adamw"))
    learning_rate: float = ruled(1e-3, POSITIVE)
    # sgd and rmsprop.
    momentum: float = ruled(0.0, BELOW_1)
    # sgd.
    nesterov: bool = False
    # rmsprop: decay of the mean of squared gradients.
    rho: float = ruled(0.9, BELOW_1)
    # adam and adamw.
    beta_1: float = ruled(0.9, BELOW_1)
    beta_2: float = ruled(0.999, BELOW_1)
    # rmsprop, adam and adamw.
    epsilon: float = ruled(1e-7, POSITIVE)
    # adamw: decoupled decay (Loshchilov & Hutter 2019), of kernels alone.
    weight_decay: float = ruled(4e-3, at_least(0))
    # Largest global norm of the gradient of a step, or None.
    clip_norm: float | None = ruled(None, POSITIVE)
    # Decay a step of the moving average of the weights that is evaluated and
    # saved, or None. The average warms up: decay_t = min(decay, (1+t)/(10+t)),
    # as in tf.train.ExponentialMovingAverage.
    ema_decay: float | None = ruled(None, UNIT_INTERVAL)
    # Micro-batches that a global batch is worked off in, to save memory.
    accumulation_steps: int = ruled(1, at_least(1))
    schedule: ScheduleConfig = dataclasses.field(default_factory=ScheduleConfig)


@dataclasses.dataclass
class EvaluationConfig:
    # Rows of a batch of evaluation, over all replicas.
    global_batch_size: int = ruled(1024, at_least(1))
    # Evaluate every so many steps; None for the end of each epoch.
    every_steps: int | None = ruled(None, at_least(1))
    # Score the test split at each evaluation, not only at the end.
    test_each_time: bool = False
    # Score the test split when the run is done. False leaves its rows unseen,
    # labels and all, as the trials of a sweep do; `strata evaluate` scores it.
    test_at_end: bool = True
    # Metric of the validation split by which the best weights are chosen, such
    # as "accuracy" or "loss"; None takes the last weights.
    select_by: str | None = None
    # Evaluations without a better `select_by` after which training stops.
    patience: int | None = ruled(None, at_least(1))
    # The chance above which a binary problem answers the positive class.
    threshold: float = ruled(0.5, UNIT_INTERVAL)
    # Metric by which another one is chosen on the validation rows in its place
    # once the weights are settled, and kept with the model. "auto" takes "f1"
    # where the positive class is rare (see docs/your_data.md) and validation
    # rows are there.
    threshold_by: str = ruled(
        "auto",
        one_of("auto", "none", "accuracy", "balanced_accuracy", "f1"),
    )
    # Divide the logits by the number that makes the validation rows'
    # cross-entropy the least (Guo et al. 2017), once the weights are settled.
    # No answer changes but by a threshold; chances come nearer to shares.
    temperature_scaling: bool = False
    # By how much `select_by` must change to count as better.
    min_delta: float = ruled(0.0, at_least(0))


@dataclasses.dataclass
class CheckpointConfig:
    # Save every so many steps and seconds, and always at the end of the run.
    every_steps: int | None = ruled(None, at_least(1))
    every_secs: float | None = ruled(60.0, POSITIVE)
    # How many of the newest checkpoints are kept; the best is kept beside.
    keep: int = ruled(3, at_least(1))
    # Checkpoints of a multiple of so many steps are kept for good.
    keep_every_steps: int | None = ruled(None, at_least(1))


@dataclasses.dataclass
class LogConfig:
    # Steps between two lines of metrics.jsonl and points in TensorBoard.
    every_steps: int = ruled(100, at_least(1))
    tensorboard: bool = True
    # Steps between two looks, in TensorBoard, at the norms of gradient, weights
    # and update, and at the histograms of gradients and weights; None for
    # none. A look is a training step more, without XLA.
    norms_every_steps: int | None = ruled(500, at_least(1))
    histograms_every_steps: int | None = ruled(None, at_least(1))
    # Keep what stands behind the final score (mistakes, confusions) in
    # detail.json, and make report.html where the extra "report" is installed.
    report: bool = True


@dataclasses.dataclass
class Config:
    # The row of the problem table, or "auto" to read it from the labels.
    problem: str = ruled(
        "auto",
        one_of(
            "auto",
            "binary",
            "multiclass",
            "multilabel",
            "regression",
            "bounded_regression",
            "count",
        ),
    )
    # None takes the problem's own loss; "bounded_regression" also allows
    # "binary_crossentropy", and classes and labels "focal" (Lin et al. 2017),
    # which counts rows less that are right already.
    loss: str | None = ruled(
        None,
        one_of(
            "binary_crossentropy",
            "categorical_crossentropy",
            "focal",
            "mse",
            "poisson",
        ),
    )
    # Power of the chance that is missing, by which "focal" weighs a row.
    focal_gamma: float = ruled(2.0, at_least(0))
    # Share of each class's or label's mark that is spread over all of them, in
    # the loss alone (Szegedy et al. 2016, section 7).
    label_smoothing: float = ruled(0.0, BELOW_1)
    # How classes reach the loss: "one_hot" or "integer". Same numbers.
    label_encoding: str = ruled("one_hot", one_of("one_hot", "integer"))
    seed: int = ruled(
        42,
        Rule(lambda value: 0 <= value < 2**31, "must be from 0 to 2147483647"),
    )
    # The run's length: one of the two.
    epochs: int | None = ruled(None, at_least(1))
    steps: int | None = ruled(None, at_least(1))
    # Rows of a training step, over all replicas.
    global_batch_size: int = ruled(128, at_least(1))
    # Shares of fixed rows that each step is parted into, so that any replicas
    # up to so many, and one device too, end with the same bits; None for one
    # share a replica, which is quicker, and agrees but for rounding.
    virtual_replicas: int | None = ruled(None, at_least(1))
    precision: str = ruled("float32", one_of("float32", "tf32", "bfloat16"))
    # Compile the step by XLA; of bfloat16 on CPUs only the distortions and the
    # update, since TensorFlow's own bfloat16 products are faster there.
    jit_compile: bool = True
    # Most steps that devices run between two meetings with the host.
    steps_per_execution: int = ruled(50, at_least(1))
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    optimizer: OptimizerConfig = dataclasses.field(
        default_factory=OptimizerConfig
    )
    evaluation: EvaluationConfig = dataclasses.field(
        default_factory=EvaluationConfig
    )
    checkpoint: CheckpointConfig = dataclasses.field(
        default_factory=CheckpointConfig
    )
    log: LogConfig = dataclasses.field(default_factory=LogConfig)
