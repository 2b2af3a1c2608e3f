"""The systems that a take is made with: where its motion comes from, and what draws its frames."""
