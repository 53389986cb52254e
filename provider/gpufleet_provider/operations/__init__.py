"""The life of any resource, once for all: create, adopt, wait, update, delete until gone. No Pulumi in here."""
