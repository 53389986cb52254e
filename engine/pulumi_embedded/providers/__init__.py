"""Providers: plugin processes, built-in resources, and which of them serves a resource."""
