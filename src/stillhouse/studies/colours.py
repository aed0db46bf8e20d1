"""The colours of rows in plots."""

# Okabe and Ito (2008): told apart without colour vision, too.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
