"""The model of a resource: bodies, marks, rules, lifecycle, comparison, plan and errors. No HTTP and no Pulumi."""
