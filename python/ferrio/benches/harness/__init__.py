"""What the rows share: contenders, processes, rounds, statistics, the table. Knows no row but by the catalogue."""
