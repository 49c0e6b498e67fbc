"""HLO text as JAX's compilers take it; in an environment with jaxlib.

By internals, which have moved between jaxlib 0.5, of the time of TensorFlow's
TPU build, and the newest one.
"""

from collections.abc import Sequence
from typing import Any

import jax
from jax._src.interpreters import mlir as jax_mlir
from jax._src.lib import xla_client
from jaxlib.mlir import ir

try:
    from jaxlib import _hlo
except ImportError:
    _hlo = None


def parse(text: str) -> ir.Module:
    """Parses HLO text."""
    hlo = xla_client._xla if _hlo is None else _hlo
    # StableHLO has no copy; a reshape to the same shape is one.
    module = hlo.hlo_module_from_text(text.replace(" copy(", " reshape("))
    computation = hlo.XlaComputation(module.as_serialized_hlo_module_proto())
    return ir.Module.parse(
        xla_client._xla.mlir.xla_computation_to_mlir_module(computation),
        context=jax_mlir.make_ir_context(),
    )


def compile_for(devices: Sequence[jax.Device], text: str, options: Any) -> Any:
    """Compiles HLO text for devices, whose client may only compile.

    Args:
      devices: of a topology, one for each replica.
      text: as `parse` takes it.
      options: `xla_client.CompileOptions`.

    Returns:
      The compiled program.
    """
    module, client = parse(text), devices[0].client
    if _hlo is None:
        return client.compile(str(module), options)
    return client.compile(
        module, xla_client.DeviceList(tuple(devices)), options
    )
