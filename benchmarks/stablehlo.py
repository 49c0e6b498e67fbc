"""HLO text as JAX's compilers take it; in an environment with jaxlib."""

from jax._src.interpreters import mlir as jax_mlir
from jax._src.lib import xla_client
from jaxlib import _hlo
from jaxlib.mlir import ir


def parse(text: str) -> ir.Module:
    """Parses HLO text."""
    # StableHLO has no copy; a reshape to the same shape is one.
    module = _hlo.hlo_module_from_text(text.replace(" copy(", " reshape("))
    computation = _hlo.XlaComputation(module.as_serialized_hlo_module_proto())
    return ir.Module.parse(
        xla_client._xla.mlir.xla_computation_to_mlir_module(computation),
        context=jax_mlir.make_ir_context(),
    )
