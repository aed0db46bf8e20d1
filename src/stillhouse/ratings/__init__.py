"""What people say of replies: a blind sheet to rate, the raters' sheets read back, the figures."""
