"""The area under the ROC curve, from scores that replicas count in bins."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf

# What `areas` tells of; it takes rows with a label and rows without.
AREAS = ("auc", "average_precision")
# Scores are binned by the leading bits of their float32, counted from the
# nearer end of [0, 1]: 2 ** 7 bins in every factor of 2 of the distance to it,
# down to 2 ** -31.
_DROPPED_BITS = 16
_NEAREST = np.float32(2**-31)
_FIRST_BIN = int(_NEAREST.view(np.int32)) >> _DROPPED_BITS
_HALF_BINS = (int(np.float32(0.5).view(np.int32)) >> _DROPPED_BITS) - _FIRST_BIN
SCORE_BINS = 2 * (_HALF_BINS + 1)


def count(y: "tf.Tensor", p: "tf.Tensor", weight: "tf.Tensor") -> "tf.Tensor":
    """Counts rows by label, truth and score.

    Args:
      y: 0 or 1, float32 [rows, outputs].
      p: the chances of 1, float32 [rows, outputs].
      weight: float32 [rows], 1 for a row that counts and 0 for padding.

    Returns:
      float32 [outputs, 2, SCORE_BINS], exact below 2 ** 24 rows a batch.
    """
    import tensorflow as tf

    outputs = p.shape[1]
    # 1 - p is exact for p in [0.5, 1] (Sterbenz), so no score is blurred here.
    end = tf.clip_by_value(tf.where(p < 0.5, p, 1 - p), _NEAREST, 0.5)
    bits = tf.bitcast(end, tf.int32)
    bins = tf.bitwise.right_shift(bits, _DROPPED_BITS) - _FIRST_BIN
    bins = tf.where(p < 0.5, bins, SCORE_BINS - 1 - bins)
    label = tf.range(outputs)[None, :]
    place = (2 * label + tf.cast(y, tf.int32)) * SCORE_BINS + bins
    counted = weight[:, None] * tf.ones_like(p)
    counts = tf.math.unsorted_segment_sum(
        tf.reshape(counted, [-1]),
        tf.reshape(place, [-1]),
        outputs * 2 * SCORE_BINS,
    )
    return tf.reshape(counts, [outputs, 2, SCORE_BINS])


def areas(counts: np.ndarray) -> dict[str, float]:
    """Returns "auc" and "average_precision"; {} where no label has both."""
    found = zip(AREAS, (area(counts), precision_area(counts)), strict=True)
    return {name: value for name, value in found if value is not None}


def precision_area(counts: np.ndarray) -> float | None:
    """The average precision, from binned scores, each bin a threshold.

    The sum over falling thresholds of the recall that each adds, times its
    precision, as scikit-learn's; labels are averaged as in `area`.

    Args:
      counts: as in `area`.
    """
    found = []
    for negatives, positives in counts[..., ::-1].astype(np.float64):
        if negatives.sum() and positives.sum():
            hits, told = np.cumsum(positives), np.cumsum(negatives + positives)
            precision = hits / np.maximum(told, 1)
            found.append(float(positives @ precision / positives.sum()))
    return float(np.mean(found)) if found else None


def area(counts: np.ndarray) -> float | None:
    """The area under the ROC curve, from binned scores.

    The Mann-Whitney form: the share of (positive, negative) pairs in which the
    positive scores higher, pairs in one bin counting half. Hence it is off by
    no more than half the share of pairs that lie in one bin. Labels are
    averaged; one that lacks positives or negatives is left out.

    Args:
      counts: int [outputs, 2, bins], negatives at [:, 0] and positives at
        [:, 1].

    Returns:
      The area, or None where no label has both.
    """
    areas = []
    for negatives, positives in counts.astype(np.float64):
        pairs = negatives.sum() * positives.sum()
        if pairs:
            below = np.cumsum(negatives) - negatives / 2
            areas.append(float((positives * below).sum() / pairs))
    return float(np.mean(areas)) if areas else None
