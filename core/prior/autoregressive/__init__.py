"""The autoregressive prior: the baseline that the paper compares its diffusion prior with."""
