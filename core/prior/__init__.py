"""The diffusion prior P_a2nl: samples the motion of head, gaze, lids, brows and cheeks for given speech."""
