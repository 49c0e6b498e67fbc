"""A plain Optuna script: TPE and the median pruner over Keras's own fit."""

import keras
import optuna

from benchmarks.peers import searched


def main() -> None:
    """Searches until the budget is spent."""
    asked = searched.asked()
    keras.utils.set_random_seed(asked.seed)
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def objective(trial: optuna.Trial) -> float:
        model = searched.built(
            trial.suggest_int("depth", *searched.DEPTH),
            trial.suggest_int("width", *searched.WIDTH, log=True),
            trial.suggest_float("rate", *searched.RATE, log=True),
            trial.suggest_float("dropout", *searched.DROPOUT),
        )
        batch = trial.suggest_categorical("batch", searched.BATCHES)

        def look(epoch: int, logs: dict[str, float]) -> None:
            trial.report(logs["val_accuracy"], epoch)
            if trial.should_prune():
                raise optuna.TrialPruned

        follow = keras.callbacks.LambdaCallback(on_epoch_end=look)
        return searched.fitted(model, asked, batch, [follow])

    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=asked.seed),
        pruner=optuna.pruners.MedianPruner(),
    )
    # A trial that runs when the time is up is trained to its end.
    study.optimize(objective, timeout=asked.budget_secs)
    states = [trial.state for trial in study.trials]
    searched.tell(
        states.count(optuna.trial.TrialState.COMPLETE),
        states.count(optuna.trial.TrialState.PRUNED),
        study.best_value,
    )


if __name__ == "__main__":
    main()
