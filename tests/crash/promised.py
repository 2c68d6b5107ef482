"""What acks promise beyond a kill of the server: the file of acked_load, without a topic's."""

import os

ACK_BYTES = 24  # of one ack in the file, which begins with its topic's place: tests/crash/acked.h


def count(path):
    """How many acks a file has."""
    return os.path.getsize(path) // ACK_BYTES if os.path.exists(path) else 0


def keep_promised(acked, promised, os_topic):
    """Copies the acks but for those of the topic of that place, whose durability is `os`: they say
    nothing of a loss of power."""
    with open(acked, "rb") as file:
        acks = file.read(ACK_BYTES * count(acked))
    with open(promised, "wb") as file:
        file.writelines(acks[at:at + ACK_BYTES] for at in range(0, len(acks), ACK_BYTES)
                        if int.from_bytes(acks[at:at + 4], "little") != os_topic)
