"""scikit-learn's MLPClassifier; it has no RMSprop, so it learns by Adam."""

import time
import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benchmarks.peers import data


def main() -> None:
    """Trains, scores and tells."""
    asked = data.asked()
    arrays = data.load(asked.data_dir)
    train_x, test_x = (data.rows(arrays[i]) for i in (0, 2))
    model = MLPClassifier(
        (784,),
        batch_size=128,
        alpha=0.0,
        max_iter=1,
        warm_start=True,
        random_state=asked.seed,
    )
    epoch_secs = []
    # Each fit is an epoch, of which it complains that it did not converge.
    warnings.simplefilter("ignore", ConvergenceWarning)
    began = time.perf_counter()
    for _ in range(asked.epochs):
        epoch_began = time.perf_counter()
        model.fit(train_x, arrays[1])
        epoch_secs.append(time.perf_counter() - epoch_began)
    fit_secs = time.perf_counter() - began
    accuracy = float(model.score(test_x, arrays[3]))
    data.tell(epoch_secs, fit_secs, accuracy)


if __name__ == "__main__":
    main()
