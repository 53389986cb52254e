"""One run of a program: the program's process, its registrations, and the steps carried out for them."""
