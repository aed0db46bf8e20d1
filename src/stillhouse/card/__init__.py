"""The model card of a trained student: where it comes from, what it scores, how it is used."""
