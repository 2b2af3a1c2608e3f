"""The paper's own generator, which draws the whole square from identity and motion, without a warp (section 3.3)."""
