"""Which steps bring the state to what the program declares, and what each step does."""
