"""What machines can do, by their makers' documents; never measured here."""

from typing import NamedTuple


class Hardware(NamedTuple):
    """A kind of device, and how many of them are joined.

    Attributes:
      flops_per_sec: of dense matrix products, by config.precision.
      memory_bytes_per_sec: of the device's own memory.
      group: devices that the quick links join: a host's GPUs, or a pod slice.
      inside_bytes_per_sec: that a device sends to its neighbour in the group.
      outside_bytes_per_sec: that a device sends to another group.
      hop_secs: of one message between neighbours, inside and outside.
      step_secs: of a step's launches and bookkeeping.
      devices_per_host: that one host's cores feed.
      cores_per_host: of those data sheets; of a v5e host 224 hyper-threads.
    """

    words: str
    flops_per_sec: dict[str, float]
    memory_bytes_per_sec: float
    group: int
    inside_bytes_per_sec: float
    outside_bytes_per_sec: float
    hop_secs: tuple[float, float]
    step_secs: float
    devices_per_host: int
    cores_per_host: int


# Latencies and the fixed cost of a step are assumptions: no document names
# them, and they decide what small networks gain.
_NVIDIA_HOPS_SECS = (5e-6, 10e-6)
_NVIDIA_STEP_SECS = 150e-6

HARDWARE = {
    # NVIDIA A100 Tensor Core GPU data sheet (SXM, 80 GB): 19.5, 156 and 312
    # TFLOP/s, 2,039 GB/s, NVLink 600 GB/s both ways together. DGX A100 data
    # sheet: eight of them, a 200 Gbit/s adapter for each.
    "a100": Hardware(
        "NVIDIA A100 80 GB SXM",
        {"float32": 19.5e12, "tf32": 156e12, "bfloat16": 312e12},
        2.039e12,
        8,
        300e9,
        25e9,
        _NVIDIA_HOPS_SECS,
        _NVIDIA_STEP_SECS,
        8,
        128,
    ),
    # NVIDIA H100 Tensor Core GPU data sheet (SXM), without sparsity: 67, 495
    # and 989 TFLOP/s, 3.35 TB/s, NVLink 900 GB/s both ways together. DGX H100
    # data sheet: a 400 Gbit/s adapter for each of the eight.
    "h100": Hardware(
        "NVIDIA H100 SXM",
        {"float32": 67e12, "tf32": 494.5e12, "bfloat16": 989e12},
        3.35e12,
        8,
        450e9,
        50e9,
        _NVIDIA_HOPS_SECS,
        _NVIDIA_STEP_SECS,
        8,
        112,
    ),
    # Google Cloud TPU v5e documentation: 197 TFLOP/s in bfloat16, 819 GB/s,
    # 1,600 Gbit/s between chips over four links, pods of 256 chips, 6.4 Tbit/s
    # out of a pod. Its float32 products are taken as six of bfloat16, which is
    # how XLA makes them at the highest precision. A ring uses two of the four
    # links, one each way.
    "v5e": Hardware(
        "TPU v5e",
        {"float32": 197e12 / 6, "bfloat16": 197e12},
        819e9,
        256,
        50e9,
        6.4e12 / 8 / 256,
        (1e-6, 50e-6),
        50e-6,
        8,
        112,
    ),
}
# Unforeseen interruptions: 419 in 54 days of 16,384 H100 (The Llama 3 Herd of
# Models, 2024, section 3.3.4). Taken for all kinds, for want of others.
DEVICE_HOURS_PER_FAILURE = 54 * 24 * 16_384 / 419
