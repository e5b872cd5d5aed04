"""The use cases: load -> pure step -> store -> record, one function each, always inside the one transaction."""
