"""Code: what each stage's code means, so that an edit reruns what it can change."""
