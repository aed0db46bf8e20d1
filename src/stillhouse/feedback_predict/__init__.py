"""The student's predictions for the training rows, by students that did not train on them."""
