"""Small worlds: tasks with known truth, for models of some hundred thousand parameters that learn in minutes."""
