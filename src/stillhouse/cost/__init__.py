"""What the next run will ask and what that costs, without asking anything."""
