"""Writes tracegen/index/minilm_ranges.npy anew: after a change of tracegen/index/calibration.txt, or of the layers' order."""

from pathlib import Path

import numpy as np

from tracegen.index import int8, models
from tracegen.index.onnx_bert import measure_ranges

if __name__ == "__main__":
    ranges = measure_ranges(models.resolve_model(models.DEFAULT_MODEL))
    np.save(Path(int8.__file__).parent / int8.RANGES, ranges.astype(np.float16))
