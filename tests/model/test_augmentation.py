"""Distortions: what they do to an image, and what they depend on."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from trainer import sources
from trainer.config import AugmentationConfig
from trainer.config import DataConfig
from trainer.model import augmentation
from trainer.model.chance import chance
from trainer.process.exits import UserError

HEIGHT, WIDTH = 9, 7
ALL = AugmentationConfig(
    rotation_degrees=12.0,
    scale=0.12,
    shear=0.12,
    shift_pixels=1.5,
    elastic_alpha_pixels=20.0,
    elastic_sigma_pixels=3.0,
)


def images(rows=6):
    random = np.random.default_rng(0)
    return random.integers(0, 256, (rows, HEIGHT, WIDTH), np.uint8)


def distort(config, x, seed=1, step=0, first_row=0, progress=0.0):
    place = tf.constant(step, tf.int64), tf.constant(first_row)
    with chance(seed, *place, is_compiled=False):
        return augmentation.augment(config, tf.constant(x), progress).numpy()


@pytest.fixture
def always(monkeypatch):
    """Draws one value for all but the elastic noise, which is none."""

    def to(value):
        monkeypatch.setattr(
            augmentation,
            "_uniform",
            lambda place, rows, width: tf.fill([rows, width], value),
        )

    return to


def test_nothing_asked_for_is_nothing_done():
    x = images()
    assert distort(AugmentationConfig(), x) is not x
    np.testing.assert_array_equal(distort(AugmentationConfig(), x), x)


def test_a_turn_is_a_turn(always):
    always(1.0)
    x = images()[:, :WIDTH]
    turned = distort(AugmentationConfig(rotation_degrees=90), x)
    # Each pixel takes its value from the place a quarter turn on.
    np.testing.assert_allclose(turned, np.rot90(x, -1, (1, 2)), atol=1e-2)


def test_a_shift_takes_zeros_from_outside(always):
    always(1.0)
    x = images().astype(np.float32)
    shifted = distort(AugmentationConfig(shift_pixels=2), x)
    wanted = np.zeros_like(x)
    wanted[:, :-2, :-2] = x[:, 2:, 2:]
    np.testing.assert_allclose(shifted, wanted, atol=1e-3)


@pytest.mark.parametrize(
    ("config", "matrix"),
    [
        (AugmentationConfig(scale=0.25), [[1.25, 0], [0, 1.25]]),
        (AugmentationConfig(shear=0.5), [[1, 0], [0.5, 1]]),
        (
            AugmentationConfig(rotation_degrees=30),
            [
                [math.cos(math.pi / 6), -math.sin(math.pi / 6)],
                [math.sin(math.pi / 6), math.cos(math.pi / 6)],
            ],
        ),
    ],
)
def test_an_affine_map_is_scipys(always, config, matrix):
    always(1.0)
    x = images().astype(np.float32)
    middle = np.array([(HEIGHT - 1) / 2, (WIDTH - 1) / 2])
    wanted = [
        ndimage.affine_transform(
            image,
            matrix,
            middle - np.array(matrix) @ middle,
            order=1,
            mode="grid-constant",
        )
        for image in x
    ]
    np.testing.assert_allclose(distort(config, x), wanted, atol=1e-2)


def test_displacements_are_noise_smoothed_as_by_scipy(monkeypatch):
    random = np.random.default_rng(3)
    noise = random.uniform(-1, 1, (2, 2 * HEIGHT * WIDTH)).astype(np.float32)
    monkeypatch.setattr(augmentation, "_uniform", lambda *_: tf.constant(noise))
    config = AugmentationConfig(
        elastic_alpha_pixels=7.0, elastic_sigma_pixels=1.5
    )
    found = augmentation._displacements(config, 2, HEIGHT, WIDTH)
    fields = noise.reshape(2, 2, WIDTH, HEIGHT).transpose(1, 0, 3, 2)
    wanted = [
        [
            7.0 * ndimage.gaussian_filter(field, 1.5, mode="constant", radius=9)
            for field in of_rows
        ]
        for of_rows in fields
    ]
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_a_row_is_distorted_alike_on_every_topology():
    x = images(rows=6)
    whole = distort(ALL, x)
    parts = [distort(ALL, x[i : i + 2], first_row=i) for i in (0, 2, 4)]
    np.testing.assert_allclose(whole, np.concatenate(parts), atol=1e-3)


def test_each_seed_step_and_row_is_distorted_otherwise():
    x = np.repeat(images(rows=1), 2, axis=0)
    first = distort(ALL, x)
    assert not np.allclose(first[0], first[1], atol=1)
    assert not np.allclose(first, distort(ALL, x, seed=2), atol=1)
    assert not np.allclose(first, distort(ALL, x, step=1), atol=1)
    np.testing.assert_array_equal(first, distort(ALL, x))


def test_distortions_fade_as_the_run_ends():
    fading = dataclasses.replace(ALL, fade_fraction=0.4)
    x = images()
    whole = distort(ALL, x)
    np.testing.assert_array_equal(distort(fading, x, progress=0.6), whole)
    np.testing.assert_allclose(distort(fading, x, progress=1.0), x, atol=1e-3)
    half = dataclasses.replace(
        ALL,
        **{
            name: getattr(ALL, name) / 2
            for name in (
                "rotation_degrees",
                "scale",
                "shear",
                "shift_pixels",
                "elastic_alpha_pixels",
            )
        },
    )
    np.testing.assert_allclose(
        distort(fading, x, progress=0.8), distort(half, x), atol=1e-2
    )


def test_channels_are_distorted_alike():
    x = images()
    colours = np.stack([x, 255 - x, x], axis=-1)
    found = distort(ALL, colours)
    assert found.shape == colours.shape
    np.testing.assert_allclose(found[..., 0], distort(ALL, x), atol=1e-3)
    np.testing.assert_array_equal(found[..., 0], found[..., 2])


def test_a_table_is_not_distorted():
    data = DataConfig(source="wine", augmentation=ALL)
    with pytest.raises(UserError, match=r"augmentation .* rows have \[13\]"):
        sources.load(data, seed=0, data_dir=None)
