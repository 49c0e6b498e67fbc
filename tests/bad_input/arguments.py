"""Mistakes in the flags and in a config's fields."""

from tests.bad_input.row import DIGITS
from tests.bad_input.row import Row

FLAGS = [
    Row("no argument", "", ("--config is missing", "digits")),
    Row("no config's name", "--config", ("Missing value for flag --config",)),
    Row(
        "unknown flag",
        f"{DIGITS} --epochs=3",
        ("--epochs is not a flag", "did you mean --config.epochs?"),
    ),
    Row("ill-typed flag", f"{DIGITS} --devices=two", ("--devices=two", "int")),
    Row("no CPU devices", f"{DIGITS} --cpu_devices=0", ("--cpu_devices=0",)),
    Row("unknown strategy", f"{DIGITS} --strategy=ring", ("ring", "mirrored")),
    Row("flag without value", f"{DIGITS} --devices", ("devices",)),
    Row("no such flag file", f"{DIGITS} --flagfile={{here}}/no", ("here/no",)),
    Row("positional argument", f"{DIGITS} 30", ("'30' is not a flag",)),
    Row("a config alone", "mnist", ("did you mean --config=mnist?",)),
    Row(
        "a config's file alone",
        "{here}/own.py",
        ("did you mean --config=", "own.py?"),
    ),
    Row("a workdir of no run", "{here}/run", ("--config is missing",)),
]

CONFIGS = [
    Row("unknown config", "--config=mnits", ("mnits", "did you mean mnist?")),
    Row("no such config file", "--config=x/y.py", ("x/y.py", "neither a file")),
    Row(
        "unknown field",
        f"{DIGITS} --config.epoch=3",
        ("config.epoch ", "did you mean config.epochs?"),
    ),
    Row(
        "unknown field of a section",
        f"{DIGITS} --config.optimizer.learning_rte=3",
        ("did you mean config.optimizer.learning_rate?",),
    ),
    Row(
        "a field without its section",
        f"{DIGITS} --config.learning_rate=3",
        ("did you mean config.optimizer.learning_rate?",),
    ),
    Row(
        "a section for a field",
        f"{DIGITS} --config.model=3",
        ("config.model is a section", "config.model.hidden_units"),
    ),
    Row(
        "a field like no other",
        f"{DIGITS} --config.zzz=1",
        ("config.zzz ", "strata help config"),
    ),
    Row(
        "an int of text",
        f"{DIGITS} --config.seed=x",
        ("config.seed='x' must be a whole number",),
    ),
    Row(
        "a half epoch",
        f"{DIGITS} --config.epochs=1.5",
        ("config.epochs='1.5' must be a whole number",),
    ),
    Row(
        "more epochs than are counted",
        f"{DIGITS} --config.epochs={10**30}",
        (f"config.epochs={10**30} must be 2147483647 or less",),
    ),
    Row(
        "a width beyond all counts",
        f"{DIGITS} --config.model.hidden_units=8,{10**30}",
        (f"config.model.hidden_units=(8, {10**30})", "2147483647 or less"),
    ),
    Row(
        "widths of text",
        f"{DIGITS} --config.model.hidden_units=a,b",
        ("config.model.hidden_units=('a,b',)", "a tuple, each a whole number"),
    ),
    Row(
        "learning rate not a number",
        f"{DIGITS} --config.optimizer.learning_rate=nan",
        ("config.optimizer.learning_rate=nan", "a finite number"),
    ),
    Row(
        "learning rate infinite",
        f"{DIGITS} --config.optimizer.learning_rate=inf",
        ("config.optimizer.learning_rate=inf", "a finite number"),
    ),
    Row(
        "none where a value must be",
        f"{DIGITS} --config.seed=none",
        ("config.seed=none", "must have a value"),
    ),
    Row(
        "a source like another",
        f"{DIGITS} --config.data.source=mnits",
        ("config.data.source='mnits'", "did you mean mnist?"),
    ),
    Row(
        "both lengths",
        f"{DIGITS} --config.epochs=3 --config.steps=5",
        ("config.epochs=3", "config.steps=5", "exactly one"),
    ),
    Row(
        "no length",
        f"{DIGITS} --config.epochs=none",
        ("config.epochs=None", "exactly one"),
    ),
    Row(
        "more micro-batches than rows",
        f"{DIGITS} --config.optimizer.accumulation_steps=33",
        ("accumulation_steps=33", "config.global_batch_size=32"),
    ),
    Row(
        "more shares than rows",
        f"{DIGITS} --config.virtual_replicas=33",
        ("config.virtual_replicas=33", "config.global_batch_size=32"),
    ),
    Row(
        "more micro-batches of shares than rows",
        f"{DIGITS} --config.virtual_replicas=8"
        " --config.optimizer.accumulation_steps=5",
        ("virtual_replicas=8 times", "accumulation_steps=5", "takes a row"),
    ),
    Row(
        "no share",
        f"{DIGITS} --config.virtual_replicas=0",
        ("config.virtual_replicas=0", "must be 1 or more"),
    ),
    Row(
        "boundaries without factors",
        f"{DIGITS} --config.optimizer.schedule.boundaries=0.5",
        ("boundaries=(0.5,)", "of one length"),
    ),
    Row(
        "piecewise without boundaries",
        f"{DIGITS} --config.optimizer.schedule.name=piecewise",
        ("'piecewise'", "needs boundaries"),
    ),
    Row(
        "boundaries of another schedule",
        f"{DIGITS} --config.optimizer.schedule.boundaries=0.5"
        " --config.optimizer.schedule.factors=0.1",
        ("'constant'", "boundaries=(0.5,)"),
    ),
    Row(
        "Nesterov without momentum",
        f"{DIGITS} --config.optimizer.name=sgd --config.optimizer.nesterov",
        ("nesterov=True", "momentum > 0"),
    ),
    Row(
        "Nesterov of another optimizer",
        f"{DIGITS} --config.optimizer.momentum=0.9 --config.optimizer.nesterov",
        ("nesterov=True", "name='sgd'"),
    ),
    Row(
        "patience for nothing",
        f"{DIGITS} --config.evaluation.patience=3",
        ("config.evaluation.patience=3", "select_by"),
    ),
]
