"""Training of FaceTalk's diffusion decoder. The deformation of its head is computed and needs no training."""
