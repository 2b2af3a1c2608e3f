"""Training of the neural parametric head: people and their hair as truth, the fields, their measurement."""
