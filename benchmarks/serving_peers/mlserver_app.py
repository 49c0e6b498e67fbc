"""The ONNX of an export behind MLServer, batched, as a runtime of its own."""

import mlserver
import numpy as np
import onnxruntime
from mlserver.codecs import NumpyCodec


class Served(mlserver.MLModel):
    """Tensors of any number of rows."""

    async def load(self) -> bool:
        self.session = onnxruntime.InferenceSession(
            self.settings.parameters.uri
        )
        self.name_of_inputs = self.session.get_inputs()[0].name
        return True

    async def predict(self, payload):
        x = NumpyCodec.decode_input(payload.inputs[0]).astype(np.uint8)
        found = self.session.run(None, {self.name_of_inputs: x})[0]
        return mlserver.types.InferenceResponse(
            model_name=self.name,
            outputs=[NumpyCodec.encode_output("probabilities", found)],
        )
