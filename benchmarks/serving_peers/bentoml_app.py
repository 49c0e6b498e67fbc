"""The ONNX of an export behind BentoML, batched: MODEL in the environment."""

import os

import bentoml
import numpy as np
import onnxruntime


@bentoml.service(workers=1)
class Served:
    """Requests of any number of rows."""

    def __init__(self) -> None:
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"])
        self.name = self.session.get_inputs()[0].name

    @bentoml.api(batchable=True, max_batch_size=64)
    def predict(self, instances: np.ndarray) -> np.ndarray:
        return self.session.run(None, {self.name: instances.astype(np.uint8)})[
            0
        ]
