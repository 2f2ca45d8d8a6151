"""The measurements: real teachers and their distilled students, through lm-eval, for quality and cost."""
