"""The feature "group", for clients whose consumers block: each member has a thread of its own."""

import threading

from feature_run import expect, until


class Member(threading.Thread):
    """Reads until it is stopped, then commits and leaves.

    `open_consumer()` gives a consumer; `poll(consumer)` waits a moment and gives the values that
    came; `assigned(consumer)` says how many partitions it has.
    """

    def __init__(self, open_consumer, poll, assigned):
        super().__init__(daemon=True)
        self._functions = (open_consumer, poll, assigned)
        self._stopping = threading.Event()
        self._committed = threading.Event()
        self._leaving = threading.Event()
        self.values = []
        self.partitions = 0
        self.error = None
        self.start()

    def run(self):
        open_consumer, poll, assigned = self._functions
        try:
            consumer = open_consumer()
            while not self._stopping.is_set():
                self.values += poll(consumer)
                self.partitions = assigned(consumer)
            consumer.commit()
            self._committed.set()
            self._leaving.wait(30)
            consumer.close()
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def commit(self):
        """Commits what was read: before anybody leaves, or the others would read again."""
        self._stopping.set()
        until(lambda: self.error or self._committed.is_set(), "it commits")

    def stop(self):
        self.commit()
        self._leaving.set()
        self.join(30)
        expect((self.is_alive(), self.error), (False, None))


def check(start_member, produce):
    """Two members share two partitions, commit and leave; a third goes on from there.

    `start_member()` gives a Member; `produce(partition, values)` writes text.
    """
    members = [start_member()]
    until(lambda: members[0].error or members[0].partitions == 2, "the first has both partitions")
    members.append(start_member())
    until(lambda: any(m.error for m in members) or [m.partitions for m in members] == [1, 1],
          "each has one partition")
    wanted = [[f"{partition}-{number}" for number in range(20)] for partition in (0, 1)]
    for partition in (0, 1):
        produce(partition, wanted[partition])
    until(lambda: any(m.error for m in members) or all(len(m.values) == 20 for m in members),
          "each reads twenty")
    for member in members:
        member.commit()
    for member in members:
        member.stop()
    expect(sorted(member.values for member in members), wanted)
    later = [f"later-{number}" for number in range(10)]
    produce(1, later)
    third = start_member()
    until(lambda: third.error or len(third.values) >= 10, "the third reads what came later")
    third.stop()
    expect(third.values, later)
