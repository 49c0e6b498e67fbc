"""The ONNX of an export behind LitServe, batched: MODEL PORT."""

import sys

import litserve
import numpy as np
import onnxruntime


class Api(litserve.LitAPI):
    """Requests of one row each."""

    def setup(self, device):
        self.session = onnxruntime.InferenceSession(sys.argv[1])
        self.name = self.session.get_inputs()[0].name

    def decode_request(self, request):
        return np.array(request["instances"][0], np.uint8)

    def batch(self, inputs):
        return np.stack(inputs)

    def predict(self, x):
        return self.session.run(None, {self.name: x})[0]

    def unbatch(self, output):
        return list(output)

    def encode_response(self, output):
        return {"predictions": [output.tolist()]}


if __name__ == "__main__":
    api = Api(max_batch_size=64, batch_timeout=0.001)
    server = litserve.LitServer(api, accelerator="cpu")
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[2]),
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )
