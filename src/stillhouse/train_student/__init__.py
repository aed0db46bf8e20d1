"""How a student is trained: its rows, plan, objective, loop, checkpoints and processes."""
