"""Messages that ask for no data: greetings, thanks, and what this planner is for."""

from __future__ import annotations

from agent.planner.intents import Talk
from agent.planner.wording import phrase

_HELLO = r"(?:hi|hello|hey|hiya|howdy|greetings|good (?:morning|afternoon|evening|day)|yo)"
_HOW_ARE_YOU = r"how are you(?: doing)?(?: today)?"
_POLITE = (
    r"(?:ok(?:ay)?|great|cool|perfect|nice|super|awesome|good|alright|got it|no|yes|and|many"
    r"|thanks?|thank you|thx|ty|cheers|bye|goodbye|see you|so much|very much|a lot|then|for now"
    r"|for (?:the|your) help|that is (?:all|great|good|perfect|fine|nice|helpful)"
    r"|(?:very|so) helpful|that helps|well done)"
)
_TALK = (
    (
        phrase(
            rf"^{_HELLO}(?:,? (?:there|vaultra|all|again|you))*(?:[,.!]? {_HOW_ARE_YOU})?\W*$",
            rf"^{_HOW_ARE_YOU}\W*$",
        ),
        Talk.GREETING,
    ),
    (phrase(rf"^(?!(?:yes|no|and|then|good)\W*$){_POLITE}(?:\W+{_POLITE})*\W*$"), Talk.THANKS),
    (
        phrase(
            r"^(?:please )?(?:help(?: me)?|menu|commands?|capabilities|examples?)\W*$",
            r"^\?+$",
            r"what (?:else )?(?:can|do|could) (?:you|vaultra|it) (?:\w+ )?(?:do|answer|help|offer)",
            r"(?:what|which) (?:figures|metrics|numbers|kpis|questions) (?:do|can|could) (?:you|i)"
            r" (?:have|know|show|give|answer|ask|see)",
            r"what (?:can|could) i (?:ask|do (?:here|with (?:this|you)))",
            r"how (?:does|do) (?:this|it|you|vaultra|that) work|how can you help",
            r"(?:who|what) are you|what is (?:vaultra|this)\W*$|your (?:features|capabilities)",
            r"are you (?:an? )?(?:ai|bot|robot|human|person|real|chatgpt|gpt|llm|language model)",
            r"(?:what|which) (?:language |ai )?model",
            r"(?:what|which) questions|how do i use",
        ),
        Talk.HELP,
    ),
)


def small_talk(text: str) -> Talk | None:
    """Return what kind of message without a question the normalised text is, if it is one."""
    return next((talk for pattern, talk in _TALK if pattern.search(text)), None)
