"""Training, evaluation and export of the networks in discflow's model packs."""

import os

# ONNX Runtime keeps events about machine and models and sends them to its maker, unless this stands when it is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
