"""The config's dataclasses and their defaults, each with unit and meaning.

Standard library alone, so that a mistake is found before TensorFlow is
imported.
"""

import dataclasses

PROBLEMS = (
    "auto",
    "binary",
    "multiclass",
    "multilabel",
    "regression",
    "bounded_regression",
)
SOURCES = (
    "digits",
    "mnist",
    "fashion_mnist",
    "breast_cancer",
    "wine",
    "diabetes",
    "digits_attributes",
    "digits_ink",
    "files",
)
ACTIVATIONS = (
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
)
INITIALIZERS = (
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_uniform",
    "lecun_normal",
    "orthogonal",
)
OPTIMIZERS = ("sgd", "rmsprop", "adam", "adamw")
SCHEDULES = ("constant", "cosine", "linear", "piecewise")
PRECISIONS = ("float32", "tf32", "bfloat16")
LOSSES = (
    "binary_crossentropy",
    "categorical_crossentropy",
    "mse",
)


@dataclasses.dataclass
class AugmentationConfig:
    # Training images are distorted anew each time they are seen: turned by up
    # to so many degrees either way, scaled by up to this share in height and
    # in width, sheared by up to this slope, shifted by up to so many pixels.
    rotation_degrees: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    shift_pixels: float = 0.0
    # Elastic distortion (Simard, Steinkraus & Platt 2003): each pixel is moved
    # by noise from -1 to 1, smoothed by a Gaussian of sigma, times alpha.
    elastic_alpha_pixels: float = 0.0
    elastic_sigma_pixels: float = 4.0
    # Over this last share of the run all of them shrink linearly to none, so
    # that it ends on images as those that are scored.
    fade_fraction: float = 0.0

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
    # Where the arrays come from: one of SOURCES. "files" is the user's own
    # .npz, .npy or .csv, found in --data_dir.
    source: str = "digits"
    # A CSV file's column of labels; None for the last that is not ignored.
    target: str | None = None
    # Columns of a CSV file that are not read.
    ignore: tuple[str, ...] = ()
    # Share of the training rows held out for validation, drawn by the seed and
    # stratified where there are classes; 0 for none. Not used where the source
    # has a validation split of its own.
    validation_fraction: float = 0.0
    # Share of the rows that become the test split of a source without one.
    test_fraction: float = 0.2
    # "scale" divides by the largest value of the data's kind (255 for uint8);
    # "standardize" subtracts the mean and divides by the standard deviation of
    # the training rows; "auto" scales integers of a known range whose mean is
    # below half of it, and standardizes all else.
    normalization: str = "auto"
    # "standardize" trains a regression on targets of mean 0 and deviation 1
    # (predictions and every metric but the loss stay in the target's own
    # units); "auto" does so for "regression" and nothing else.
    target_normalization: str = "auto"
    # Of images alone, and in training alone.
    augmentation: AugmentationConfig = dataclasses.field(
        default_factory=AugmentationConfig
    )


@dataclasses.dataclass
class ModelConfig:
    # Width of each hidden layer, first to last; () for a linear model.
    hidden_units: tuple[int, ...] = (128,)
    activation: str = "relu"
    # Slope below 0 of "leaky_relu" (Keras's default).
    leaky_relu_slope: float = 0.3
    kernel_initializer: str = "glorot_uniform"
    # Share of each hidden layer's outputs set to 0 in training.
    dropout: float = 0.0
    # Normalise each hidden layer's values, before its activation.
    layer_normalization: bool = False
    # Weight of the penalty l2 * sum(kernel ** 2), biases excepted. The loss
    # that is printed is that of the data alone.
    l2: float = 0.0
    # Add each hidden layer's input to its output, through a linear projection
    # where the widths differ (He et al. 2016, equation 2).
    skip_connections: bool = False


@dataclasses.dataclass
class ScheduleConfig:
    # The course of the learning rate after warm-up: one of SCHEDULES.
    name: str = "constant"
    # Linear rise from 0 over this share of the run.
    warmup_fraction: float = 0.0
    # Where "cosine" and "linear" end, as a share of the learning rate.
    final_fraction: float = 0.0
    # "piecewise": the learning rate is multiplied by factors[i] from the share
    # boundaries[i] of the run on.
    boundaries: tuple[float, ...] = ()
    factors: tuple[float, ...] = ()


@dataclasses.dataclass
class OptimizerConfig:
    name: str = "rmsprop"
    learning_rate: float = 1e-3
    # sgd and rmsprop.
    momentum: float = 0.0
    # sgd.
    nesterov: bool = False
    # rmsprop: decay of the mean of squared gradients.
    rho: float = 0.9
    # adam and adamw.
    beta_1: float = 0.9
    beta_2: float = 0.999
    # rmsprop, adam and adamw.
    epsilon: float = 1e-7
    # adamw: decoupled decay (Loshchilov & Hutter 2019), of kernels alone.
    weight_decay: float = 4e-3
    # Largest global norm of the gradient of a step, or None.
    clip_norm: float | None = None
    # Decay a step of the moving average of the weights that is evaluated and
    # saved, or None. The average warms up: decay_t = min(decay, (1+t)/(10+t)),
    # as in tf.train.ExponentialMovingAverage.
    ema_decay: float | None = None
    # Micro-batches that a global batch is worked off in, to save memory.
    accumulation_steps: int = 1
    schedule: ScheduleConfig = dataclasses.field(default_factory=ScheduleConfig)


@dataclasses.dataclass
class EvaluationConfig:
    # Rows of a batch of evaluation, over all replicas.
    global_batch_size: int = 1024
    # Evaluate every so many steps; None for the end of each epoch.
    every_steps: int | None = None
    # Score the test split at each evaluation, not only at the end.
    test_each_time: bool = False
    # Metric of the validation split by which the best weights are chosen, such
    # as "accuracy" or "loss"; None takes the last weights.
    select_by: str | None = None
    # Evaluations without a better `select_by` after which training stops.
    patience: int | None = None
    # By how much `select_by` must change to count as better.
    min_delta: float = 0.0


@dataclasses.dataclass
class CheckpointConfig:
    # Save every so many steps, seconds, and at the end of each epoch; always
    # at the end of the run.
    every_steps: int | None = None
    every_secs: float | None = 60.0
    every_epoch: bool = False
    # How many of the newest checkpoints are kept; the best is kept beside.
    keep: int = 3
    # Checkpoints of a multiple of so many steps are kept for good.
    keep_every_steps: int | None = None


@dataclasses.dataclass
class LogConfig:
    # Steps between two lines of metrics.jsonl and points in TensorBoard.
    every_steps: int = 100
    tensorboard: bool = True
    # Steps between two looks, in TensorBoard, at the norms of gradient, weights
    # and update, and at the histograms of gradients and weights; None for
    # none. A look is a training step more, without XLA.
    norms_every_steps: int | None = 500
    histograms_every_steps: int | None = None
    # Keep what stands behind the final score (mistakes, confusions) in
    # detail.json, and make report.html where the extra "report" is installed.
    report: bool = True


@dataclasses.dataclass
class Config:
    # The row of the problem table, or "auto" to read it from the labels.
    problem: str = "auto"
    # None takes the problem's own loss; "bounded_regression" also allows
    # "binary_crossentropy".
    loss: str | None = None
    # How classes reach the loss: "one_hot" or "integer". Same numbers.
    label_encoding: str = "one_hot"
    seed: int = 42
    # The run's length: one of the two.
    epochs: int | None = None
    steps: int | None = None
    # Rows of a training step, over all replicas.
    global_batch_size: int = 128
    precision: str = "float32"
    # Compile the step by XLA; of bfloat16 on CPUs only the distortions and the
    # update, since TensorFlow's own bfloat16 products are faster there.
    jit_compile: bool = True
    # Most steps that devices run between two meetings with the host.
    steps_per_execution: int = 50
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
