"""Request bodies and search pipelines: pure functions of a question."""
