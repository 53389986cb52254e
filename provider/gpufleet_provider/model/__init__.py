"""What a resource is: bodies, marks, rules, lifecycle, comparison, plan and errors. No HTTP and no Pulumi in here."""
