"""Price policies, and the beliefs about demand on which owners act."""
