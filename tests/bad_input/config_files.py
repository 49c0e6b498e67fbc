"""Mistakes in a config file, and of each rule of its fields."""

from tests.bad_input.row import DIGITS
from tests.bad_input.row import returning
from tests.bad_input.row import Row
from trainer.config.values import rules

# (name, expression that get_config() returns, words)
RETURNED = [
    (
        "no Config",
        "{'epochs': 3}",
        ("returned a dict", "config.Config"),
    ),
    ("nothing", "None", ("returned a NoneType",)),
    ("a keyword no config has", "Config(epoch=3)", ("TypeError", "'epoch'")),
    (
        "text for an int",
        "Config(epochs='3')",
        ("config.epochs='3'", "a whole number"),
    ),
    (
        "truth for an int",
        "Config(epochs=True)",
        ("config.epochs=True", "a whole number"),
    ),
    (
        "text for a float",
        "Config(epochs=1, optimizer=OptimizerConfig(learning_rate='1e-3'))",
        ("config.optimizer.learning_rate='1e-3'", "a finite number"),
    ),
    (
        "an int for a tuple",
        "Config(epochs=1, model=ModelConfig(hidden_units=128))",
        ("config.model.hidden_units=128", "a tuple, each a whole number"),
    ),
    (
        "an int for a truth",
        "Config(epochs=1, jit_compile=1)",
        ("config.jit_compile=1", "true or false"),
    ),
    (
        "None for text",
        "Config(epochs=1, data=DataConfig(source=None))",
        ("config.data.source=None", "str"),
    ),
    (
        "a dict for a section",
        "Config(epochs=1, model={'dropout': 0.1})",
        ("config.model={'dropout': 0.1}", "ModelConfig"),
    ),
]
CONFIG_FILES = [
    Row(
        f"config file returns {name}",
        "--config={config} --workdir={here}/run",
        words,
        config=returning(expression),
    )
    for name, expression, words in RETURNED
] + [
    Row(
        "config file with a syntax error",
        "--config={config} --workdir={here}/run",
        ("SyntaxError", "bad_config.py", "line 1"),
        config="def get_config(:\n",
    ),
    Row(
        "config file without get_config",
        "--config={config} --workdir={here}/run",
        ("get_config",),
        config="EPOCHS = 3\n",
    ),
    Row(
        "config file that reads a missing file",
        "--config={config} --workdir={here}/run",
        ("missing.json",),
        config="def get_config():\n    return open('missing.json')\n",
    ),
    Row(
        "none in a config that is none",
        "--config={config} --workdir={here}/run --config.steps=none",
        ("returned a dict",),
        config=returning("{'epochs': 3}"),
    ),
    Row(
        "field of a config that is none",
        "--config={config} --workdir={here}/run --config.seed=3",
        ("cannot be read", "seed"),
        config=returning("{'epochs': 3}"),
    ),
]

# A value that each rule of trainer.config.rules refuses.
REFUSED = {
    "problem": "clustering",
    "loss": "hinge",
    "label_encoding": "ordinal",
    "focal_gamma": "-1",
    "label_smoothing": "1.5",
    "seed": "-1",
    "epochs": "0",
    "steps": "0",
    "global_batch_size": "0",
    "precision": "float16",
    "steps_per_execution": "0",
    "virtual_replicas": "0",
    "data.source": "imagenet",
    "data.validation_fraction": "1",
    "data.folds": "1",
    "data.fold": "-1",
    "data.test_fraction": "0",
    "data.normalization": "whiten",
    "data.target_normalization": "scale",
    "data.heavy_tails": "cut",
    "data.rare_rows": "-1",
    "data.augmentation.rotation_degrees": "-1",
    "data.augmentation.scale": "1",
    "data.augmentation.shear": "-0.1",
    "data.augmentation.shift_pixels": "-1",
    "data.augmentation.elastic_alpha_pixels": "-1",
    "data.augmentation.elastic_sigma_pixels": "0",
    "data.augmentation.fade_fraction": "1.5",
    "model.hidden_units": "128,0",
    "model.activation": "relu9",
    "model.leaky_relu_slope": "-0.1",
    "model.kernel_initializer": "zeros",
    "model.dropout": "1",
    "model.l2": "-1",
    "optimizer.name": "adm",
    "optimizer.learning_rate": "0",
    "optimizer.momentum": "1",
    "optimizer.rho": "1.5",
    "optimizer.beta_1": "1",
    "optimizer.beta_2": "-0.5",
    "optimizer.epsilon": "0",
    "optimizer.weight_decay": "-1",
    "optimizer.clip_norm": "0",
    "optimizer.ema_decay": "1",
    "optimizer.accumulation_steps": "0",
    "optimizer.schedule.name": "cosin",
    "optimizer.schedule.warmup_fraction": "1",
    "optimizer.schedule.final_fraction": "1.5",
    "optimizer.schedule.boundaries": "0.5,0.5",
    "optimizer.schedule.factors": "0",
    "evaluation.global_batch_size": "0",
    "evaluation.every_steps": "0",
    "evaluation.threshold": "1.5",
    "evaluation.threshold_by": "recall",
    "evaluation.patience": "0",
    "evaluation.min_delta": "-1",
    "checkpoint.every_steps": "0",
    "checkpoint.keep_every_steps": "0",
    "checkpoint.every_secs": "0",
    "checkpoint.keep": "0",
    "log.every_steps": "0",
    "log.norms_every_steps": "0",
    "log.histograms_every_steps": "0",
}
OF_RULES = [
    Row(
        f"rule of {path}",
        f"{DIGITS} --config.{path}={value}",
        (f"config.{path}=", value.split(",")[-1], rules()[path].words),
    )
    for path, value in REFUSED.items()
    if path in rules()
]
