"""The student's answers to the training rows, by students that did not train on them."""
