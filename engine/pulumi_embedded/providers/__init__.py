"""Providers: plugin processes and built-in ones, behind one interface (`provider_api.Provider`)."""
