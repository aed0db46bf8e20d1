"""Judges: what they are asked about the teacher's and the student's answers, and their scores."""
