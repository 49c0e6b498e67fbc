"""scikit-learn's MLPClassifier; it has no RMSprop, so it learns by Adam."""

import numpy as np
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
        # A number would shuffle every epoch alike.
        random_state=np.random.RandomState(asked.seed),
    )
    epochs = data.Epochs()
    for _ in epochs.each(asked.epochs):
        # An epoch; a `fit` for each would forget Adam's moments.
        model.partial_fit(train_x, arrays[1], classes=range(10))
    accuracy = float(model.score(test_x, arrays[3]))
    data.tell(epochs, accuracy)


if __name__ == "__main__":
    main()
