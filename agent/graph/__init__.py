"""The LangGraph graph of one run."""
