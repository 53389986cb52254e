"""What a run does to a resource of any kind: check, compare, create, adopt, wait, update, delete. No Pulumi in here."""
