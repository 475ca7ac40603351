"""The chat without its network: who is here, what may be said, and what waits for whom.

Knows nothing of sockets: chat.py serves it by ferrio's server, chat_aiohttp.py by aiohttp. Nothing here waits but
`Member.next()`.

The client sends {"type": "join", "name": ...} until it is accepted, then {"type": "say", "text": ...}. It is sent
`refused`, `welcome`, `joined`, `said` and `left`.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable

LONGEST_NAME = 20
LONGEST_TEXT = 500
QUEUE = 64  # messages that may wait for one client
BURST, SECONDS = 10, 5.0  # a client may send that many messages in that time


class Member:
    """One connected client. `send` never waits; whoever takes from `next` does. `put_out` ends the connection."""

    def __init__(self, put_out: Callable[[], object]) -> None:
        self.name = ""
        self.put_out = put_out
        self._queue: asyncio.Queue[str] = asyncio.Queue(QUEUE)
        self._received: deque[float] = deque(maxlen=BURST)

    def send(self, message: dict) -> None:
        try:
            self._queue.put_nowait(json.dumps(message))
        except asyncio.QueueFull:
            self.put_out()  # without a farewell: it would wait behind the messages that are not being read

    async def next(self) -> str:
        return await self._queue.get()

    def in_haste(self) -> bool:
        """Whether this client sends more than people can read."""
        now = asyncio.get_running_loop().time()
        if len(self._received) == BURST and now - self._received[0] < SECONDS:
            return True
        self._received.append(now)
        return False


class Room:
    """Who is here, by folded name: Ada and ADA would be taken for one another."""

    def __init__(self) -> None:
        self._members: dict[str, Member] = {}

    def understand(self, member: Member, text: str) -> None:
        """What a client sends is data from a stranger: each way it can be wrong ends in a refusal, none in an error."""
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            message = None
        try:
            match message:
                case _ if member.in_haste():
                    raise ValueError("This is too fast: please wait a moment.")
                case {"type": "join", "name": name} if not member.name:
                    self.join(member, name)
                case {"type": "say", "text": words} if member.name:
                    self.say(member, words)
                case _:
                    raise ValueError("This message makes no sense here.")
        except ValueError as refusal:
            member.send({"type": "refused", "reason": str(refusal)})

    def names(self) -> list[str]:
        return sorted((member.name for member in self._members.values()), key=str.casefold)

    def join(self, member: Member, name: object) -> None:
        """Raises ValueError with a reason that the user can act on."""
        if not isinstance(name, str) or not (name := " ".join(name.split())):
            raise ValueError("Please choose a name.")
        if len(name) > LONGEST_NAME:
            raise ValueError(f"This name is too long: at most {LONGEST_NAME} characters.")
        if not name.isprintable():
            raise ValueError("This name has characters that cannot be shown.")
        if name.casefold() in self._members:
            raise ValueError("This name is taken: please choose another.")
        member.name = name
        self._members[name.casefold()] = member
        member.send({"type": "welcome", "name": name, "users": self.names()})
        self.tell({"type": "joined", "name": name, "users": self.names()}, but=member)

    def leave(self, member: Member) -> None:
        if self._members.get(member.name.casefold()) is member:
            del self._members[member.name.casefold()]
            self.tell({"type": "left", "name": member.name, "users": self.names()})

    def say(self, member: Member, text: object) -> None:
        if not isinstance(text, str) or not (text := text.strip()):
            raise ValueError("There is nothing to say in this message.")
        if len(text) > LONGEST_TEXT:
            raise ValueError(f"This message is too long: at most {LONGEST_TEXT} characters.")
        self.tell({"type": "said", "name": member.name, "text": text})

    def tell(self, message: dict, but: Member | None = None) -> None:
        for member in self._members.values():
            if member is not but:
                member.send(message)
