"""The student trained on the gold labels that there are: what the teacher has to add to."""
