"""Students: text to tokens, the fused multi-task objective, training, saving, greedy prediction."""
