"""The statements of indicators and the only code that runs them. Decides nothing: core does."""
