"""Runs Pulumi programs without the Pulumi CLI, with its protocol, its plugins and its state files.

Each folder imports only what is below it:

    automation                           the command for drivers that use the Automation API
    commands                             the command line
    deployment, display                  one deployment of a stack; what is printed of it
    steps                                the goals, the decisions, the steps and the events of a deployment
    providers                            plugins and built-in providers
    storage                              projects, config, snapshots, state files, journal, locks and secrets
    property_paths, values, urn, errors
"""
