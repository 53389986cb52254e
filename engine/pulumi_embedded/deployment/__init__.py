"""One deployment of a stack: runs the program, answers its requests, and executes the steps that follow from them."""
