"""The command line. `workspace` finds project and stack, `operation` runs a deployment under the stack's lock."""
