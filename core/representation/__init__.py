"""The learned representation of a talking head (arXiv 2212.04248, sections 3.1 and 3.2).

E_v encodes the motion that a face view shows, independent of the person. E_id encodes the identity. MLP_cl ties the
features of E_v to the sound. MLP_ol and MLP_nl reduce them to f_nl, the part of the motion that the sound doesn't
determine. The motion decoder turns f_nl into the 32 channels other than lips and jaw.
:class:`core.representation.model.Representation` holds all of these networks.
"""
