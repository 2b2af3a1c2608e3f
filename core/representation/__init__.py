"""The learned representation of a talking head (arXiv 2212.04248, sections 3.1 and 3.2).

E_v reads motion from a face view, whoever it shows; E_id reads who it is; MLP_cl ties E_v to the sound; MLP_ol and
MLP_nl keep of the motion what the sound doesn't settle, f_nl; the motion decoder turns f_nl into the 32 channels that
aren't lips or jaw. :class:`core.representation.model.Representation` is all of it.
"""
