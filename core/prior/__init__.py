"""The diffusion prior P_a2nl: sampled motion of head, gaze, lids and brows for given speech."""
