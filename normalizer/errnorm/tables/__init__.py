"""Tables: what each protocol says, and what it means in the common vocabulary."""
