"""What a service imports to have an identity, to verify callers and to ask for decisions."""
