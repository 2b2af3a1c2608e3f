"""Training of FaceTalk's networks: the deformation of the head, and the diffusion decoder of its motion."""
