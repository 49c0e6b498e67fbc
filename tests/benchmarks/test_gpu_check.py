"""The training step as XLA's compiler for GPUs sees it."""

import dataclasses
import pathlib

import pytest

from benchmarks import gpu_check
from benchmarks import gpu_compilers
from benchmarks import gpu_dump
from benchmarks import hlo_text
from benchmarks.gpu_targets import TARGETS
from tests.processes import ROOT
from trainer.process import exits

ENVIRONMENT = pathlib.Path(ROOT, ".venv-gpu-check")
# As TensorFlow 2.21's XLA writes it.
THUNKS = """\
001: kCopy  \t
004: kWhile \t  \ncondition:
    002: kKernel\t, kernel = loop_compare_fusion, launch dimensions = ...
  body:
    003: kGemm  \t
    004: kWhile \t    \n    condition:
        005: kKernel\t, kernel = loop_compare_fusion_1
      body:
        006: kKernel\t, kernel = input_reduce_fusion
    007: kKernel\t, kernel = loop_add_subtract_fusion

008: kCopy  \t
"""
HLO = """\
  %a = f32[128,784]{1,0} parameter(0)
  %b.1 = bf16[784,784]{1,0} parameter(1)
  %c.0 = (f32[128,10]{1,0}, s8[4]{0}) custom-call(%a, %a), \
custom_call_target="__cublas$gemm", {"operand_precision":["HIGHEST","HIGHEST"]}
  %c.1 = (bf16[128,10]{1,0}, s8[4]{0}) custom-call(%b.1, %b.1), \
custom_call_target="__cublas$gemm", {"operand_precision":["HIGHEST","HIGHEST"]}
  %c.2 = (f32[128,10]{1,0}, s8[4]{0}) custom-call(%a, %a), \
custom_call_target="__cublas$gemm", {"operand_precision":["DEFAULT","DEFAULT"]}
  ROOT %d = f32[128,784]{1,0} dot(%b.1, %b.1), lhs_contracting_dims={1}
"""
LOOPS = """\
  %w.0 = (s32[]) while(%i), condition=%c, body=%b, \
backend_config={"known_trip_count":{"n":"50"}}
  %w.1 = (s32[]) while(%i), condition=%c, body=%b
  %o = f32[] conditional(%p, %x, %y), true_computation=%t
"""
MADE = gpu_dump.Compiled(
    kinds={"kKernel": 17, "kGemm": 5, "kAllReduceStart": 1},
    products={"bfloat16": 3, "tf32": 2},
    tensor_cores=["mma.sync.aligned.m16n8k8"],
    host_waits=0,
    host_calls=[],
    memory_bytes=1 << 20,
)


def case(name="h100", told="0.6", **fields):
    """What came of a small program, in which some fields are others."""
    made = dataclasses.replace(MADE, **fields)
    is_made = not told.startswith("REFUSED")
    program = gpu_compilers.Program("50 steps", "")
    return gpu_compilers.Case(program, name, told, made if is_made else None)


def test_a_step_is_the_loops_body():
    wanted = {"kGemm": 1, "kWhile": 1, "kKernel": 3}
    assert gpu_dump.launches(THUNKS, 50) == wanted
    wanted = {"kGemm": 1, "kWhile": 2, "kKernel": 4, "kCopy": 2}
    assert gpu_dump.launches(THUNKS, 1) == wanted


def test_products_are_told_by_what_they_multiply():
    wanted = {"float32": 1, "bfloat16": 2, "tf32": 1}
    assert gpu_dump.products(HLO) == wanted


def test_the_host_decides_where_a_length_is_not_known():
    assert gpu_dump.host_waits(LOOPS) == 2
    assert gpu_dump.host_waits(HLO) == 0


def test_what_is_run_by_the_host_is_named():
    assert gpu_dump.host_calls(HLO) == []
    foreign = 'custom_call_target="lapack_sgetrf"\n  %o = token[] outfeed(%x)'
    assert gpu_dump.host_calls(foreign) == ["lapack_sgetrf", "outfeed"]


def test_each_result_is_summed_over_all_replicas():
    text = """\
HloModule m

ENTRY %main (p: f32[4]) -> (f32[4], f32[]) {
  %p = f32[4]{0} parameter(0)
  %q = f32[] constant(1)
  ROOT %r = (f32[4]{0}, f32[]) tuple(f32[4]{0} %p, f32[] %q), metadata={}
}
"""
    summed = hlo_text.summed_over(text, 2)
    assert (
        "  %summed.0 = f32[4]{0} all-reduce(f32[4]{0} %p),"
        " replica_groups={{0,1}}, to_apply=%added\n" in summed
    )
    assert "tuple(f32[4]{0} %summed.0, f32[] %summed.1)\n" in summed
    assert summed.index("%added (") < summed.index("\nENTRY ")


def test_what_must_not_be_is_a_fault():
    assert case().faults() == []
    assert case(told="REFUSED: no").faults() == ["REFUSED: no"]
    found = case(
        "t4", host_waits=2, host_calls=["outfeed"], memory_bytes=14 << 30
    ).faults()
    assert found == [
        "calls on the host: outfeed",
        "waits for the host 2 times a step",
        "takes 14,336 MiB of the 12,883 that are free on the device",
    ]


def test_a_precision_that_gains_nothing_is_told():
    wanted = "h100: tensor cores by mma.sync.aligned.m16n8k8"
    assert gpu_check.notes("bfloat16", [case()]) == [wanted]
    old = case("t4", products={"tf32": 5}, tensor_cores=[])
    (line,) = gpu_check.notes("tf32", [old])
    assert line.startswith("WARNING: t4: config.precision='tf32' gains nothing")
    assert line.endswith("ALL products are float32")
    assert gpu_check.notes("float32", [case(told="REFUSED: no")]) == []


def test_a_line_of_the_table():
    row = gpu_check.row_of(case())
    wanted = ["h100", "50 steps", "0.6 s", "17", "5", "0", "1", "0"]
    assert row == [*wanted, "3 bfloat16, 2 tf32", "1.0 of 81,008"]
    refused = gpu_check.row_of(case(told="REFUSED: no"))
    assert len(refused) == len(gpu_check.HEADS)


def test_another_gpu_is_refused(capsys):
    assert gpu_check.main(["nowhere", "h100,k80"]) == exits.MISTAKE
    told = capsys.readouterr().err
    assert "TARGETS=h100,k80: k80 is none of h100, a100, l4, t4" in told


@pytest.mark.slow
def test_no_gpu_waits_for_the_host_within_a_step():
    from benchmarks import lowering
    from tests.faults.jobs import FULL

    if not ENVIRONMENT.exists():
        pytest.skip("there is no .venv-gpu-check; make gpu-check makes it")
    argv = [*FULL, "--config.epochs=2", "--config.precision=bfloat16"]
    precision, programs = gpu_check.programs_of(argv)
    assert precision == "bfloat16"
    job = lowering.job_of(argv, ".")
    is_open = gpu_compilers.Program("open", lowering.chunk_text(job), 9)
    names = ["h100", "t4"]
    cases = gpu_compilers.compile_all(ENVIRONMENT, names, [*programs, is_open])
    assert len(cases) == len(names) * (len(programs) + 1) >= 6
    for each in cases:
        waits = ["waits for the host 1 times a step"]
        assert each.faults() == (waits if each.program is is_open else [])
        assert each.compiled is not None
        kinds = {"float32"} if each.name == "t4" else {"float32", "bfloat16"}
        assert set(each.products()) == kinds
        sums = each.compiled.count(gpu_dump.SUMS)
        assert sums == (each.program.replicas > 1)
    assert TARGETS["h100"].proto.count("{") == TARGETS["t4"].proto.count("}")
