"""The GPUs that benchmarks.gpu_check compiles for; standard library alone."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Target:
    """A GPU as XLA's compiler knows it.

    Attributes:
      description: NVIDIA's name of it.
      capability: CUDA's compute capability.
      cores: streaming multiprocessors; the next five are of each of them, or
        of a block of threads.
      clock_ghz: of a core, at best.
    """

    description: str
    capability: tuple[int, int]
    cores: int
    fp32_units: int
    shared_bytes: int
    block_shared_bytes: int
    threads: int
    memory_bytes: int
    memory_bytes_per_sec: int
    l2_bytes: int
    clock_ghz: float

    @property
    def has_bfloat16(self) -> bool:
        """Whether its tensor cores take bfloat16, and TensorFloat-32."""
        return self.capability >= (8, 0)

    @property
    def proto(self) -> str:
        """The text of a stream_executor.GpuTargetConfigProto."""
        major, minor = self.capability
        feature = "ACCELERATED_FEATURES" if major == 9 else "NONE"
        return f"""\
gpu_device_info {{
  threads_per_block_limit: 1024
  threads_per_warp: 32
  shared_memory_per_block: 49152
  shared_memory_per_core: {self.shared_bytes}
  shared_memory_per_block_optin: {self.block_shared_bytes}
  threads_per_core_limit: {self.threads}
  core_count: {self.cores}
  fpus_per_core: {self.fp32_units}
  block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535
  block_dim_limit_z: 65535
  memory_bandwidth: {self.memory_bytes_per_sec}
  l2_cache_size: {self.l2_bytes}
  clock_rate_ghz: {self.clock_ghz}
  device_memory_size: {self.memory_bytes}
  cuda_compute_capability {{
    major: {major} minor: {minor} feature_extension: {feature}
  }}
  registers_per_core_limit: 65536
  registers_per_block_limit: 65536
}}
platform_name: "CUDA"
dnn_version_info {{ major: 9 minor: 10 }}
runtime_version {{ major: 12 minor: 9 }}
device_description_str: "{self.description}"
"""


# H100 and A100 after XLA's own xla/backends/gpu/target_config/specs, L4 and T4
# after NVIDIA's data sheets.
TARGETS = {
    "h100": Target(
        description="NVIDIA H100 80GB HBM3",
        capability=(9, 0),
        cores=132,
        fp32_units=128,
        shared_bytes=233472,
        block_shared_bytes=232448,
        threads=2048,
        memory_bytes=84942979072,
        memory_bytes_per_sec=3352320000000,
        l2_bytes=52428800,
        clock_ghz=1.98,
    ),
    "a100": Target(
        description="NVIDIA A100-SXM4-40GB",
        capability=(8, 0),
        cores=108,
        fp32_units=64,
        shared_bytes=167936,
        block_shared_bytes=166912,
        threads=2048,
        memory_bytes=42331013120,
        memory_bytes_per_sec=1555200000000,
        l2_bytes=41943040,
        clock_ghz=1.41,
    ),
    "l4": Target(
        description="NVIDIA L4",
        capability=(8, 9),
        cores=58,
        fp32_units=128,
        shared_bytes=102400,
        block_shared_bytes=101376,
        threads=1536,
        memory_bytes=23580639232,
        memory_bytes_per_sec=300096000000,
        l2_bytes=50331648,
        clock_ghz=2.04,
    ),
    "t4": Target(
        description="Tesla T4",
        capability=(7, 5),
        cores=40,
        fp32_units=64,
        shared_bytes=65536,
        block_shared_bytes=65536,
        threads=1024,
        memory_bytes=15655829504,
        memory_bytes_per_sec=320064000000,
        l2_bytes=4194304,
        clock_ghz=1.59,
    ),
}
