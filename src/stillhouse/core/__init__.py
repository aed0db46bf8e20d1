"""What every stage shares: errors, tables, atomic files, joins, seeded order, templates."""
