"""What a take can be keyed on: ARKit shapes, visemes, Rigify and other rigs, and how their parts are mapped."""
