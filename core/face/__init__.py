"""From a picture of a face to head-model parameters: landmarks, fitting, and the reconstruction network."""
