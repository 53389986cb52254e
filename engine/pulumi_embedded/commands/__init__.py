"""The command line. `workspace` finds project and stack, `operation` runs a deployment, `presentation` shows it."""
