"""The conversational agent: context, model, graph, tools, events and runs."""
