"""The head model and its geometry: shape, expression, rotation, camera, rasteriser."""
