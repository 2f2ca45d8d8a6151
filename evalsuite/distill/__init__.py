"""Students from teachers: pruned, then trained on the teacher's token probabilities over text that it wrote."""
