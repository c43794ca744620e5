"""Log lines: what a line says, where it is written, and what holds back a storm of equal lines."""
