// Compiles HLO text with TensorFlow's own XLA:GPU, on a machine without a GPU.
//
//   gpu_compile HLO TARGET REPLICAS DUMP [HLO TARGET REPLICAS DUMP ...]
//
// TARGET is a text of stream_executor.GpuTargetConfigProto. What the compiler
// made is left in the folder DUMP. Each program has a line of its own: its
// seconds, or "REFUSED: " and the compiler's words. Ends with 2 where the input
// is wrong.
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>

#include "google/protobuf/text_format.h"
#include "xla/backends/gpu/target_config/target_config.h"
#include "xla/debug_options_flags.h"
#include "xla/hlo/ir/hlo_module.h"
#include "xla/hlo/parser/hlo_parser.h"
#include "xla/service/compiler.h"
#include "xla/service/gpu_topology.h"
#include "xla/stream_executor/cuda/cuda_platform_id.h"

namespace {

std::string Read(const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

[[noreturn]] void Fail(absl::string_view what, const absl::Status& status) {
  std::cerr << what << ": " << status.message() << "\n";
  std::exit(2);
}

template <typename T>
T Valid(absl::string_view what, absl::StatusOr<T> value) {
  if (!value.ok()) Fail(what, value.status());
  return *std::move(value);
}

std::unique_ptr<xla::HloModule> Parse(const char* path, int replicas,
                                      const char* dump) {
  xla::DebugOptions debug = xla::GetDebugOptionsFromFlags();
  debug.set_xla_dump_to(dump);
  debug.set_xla_dump_hlo_as_text(true);
  xla::HloModuleConfig config;
  config.set_debug_options(debug);
  config.set_replica_count(replicas);
  return Valid(path, xla::ParseAndReturnUnverifiedModule(Read(path), config));
}

xla::gpu::GpuTargetConfig Target(const char* path) {
  stream_executor::GpuTargetConfigProto proto;
  if (!google::protobuf::TextFormat::ParseFromString(Read(path), &proto)) {
    Fail(path, absl::InvalidArgumentError("no GpuTargetConfigProto"));
  }
  return Valid(path, xla::gpu::GpuTargetConfig::FromProto(proto));
}

}  // namespace

int main(int argc, char** argv) {
  const auto platform = stream_executor::cuda::kCudaPlatformId;
  auto compiler =
      Valid("compiler", xla::Compiler::GetForPlatform(platform));
  for (char** each = argv + 1; each + 4 <= argv + argc; each += 4) {
    const int replicas = std::atoi(each[2]);
    auto module = Parse(each[0], replicas, each[3]);
    xla::AotCompilationOptions options(platform);
    options.set_gpu_topology(
        xla::GpuTopology("", 1, 1, replicas, Target(each[1])));
    const auto began = std::chrono::steady_clock::now();
    auto made = compiler->CompileAheadOfTime(std::move(module), options);
    const std::chrono::duration<double> took =
        std::chrono::steady_clock::now() - began;
    if (made.ok()) {
      std::cout << took.count() << std::endl;
    } else {
      const std::string words(made.status().message());
      std::cout << "REFUSED: " << words.substr(0, words.find('\n'))
                << std::endl;
    }
  }
  return 0;
}
