"""Keras's own predict behind FastAPI, as tutorials have it: MODEL PORT."""

import sys

import fastapi
import keras
import numpy as np
import pydantic
import uvicorn

app = fastapi.FastAPI()
model = keras.saving.load_model(sys.argv[1])


class Rows(pydantic.BaseModel):
    """A request."""

    instances: list[list[list[int]]]


@app.post("/predict")
def predict(rows: Rows):
    """Answers; FastAPI runs it in a thread."""
    x = np.array(rows.instances, np.uint8)
    return {"predictions": model.predict(x, verbose=0).tolist()}


if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning"
    )
