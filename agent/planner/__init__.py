"""The built-in planner: a chat model that understands the product's questions by parsing."""

from agent.planner.model import PlannerChatModel

__all__ = ["PlannerChatModel"]
