"""The clients: what each is, how its program is fetched or built, and how it is run.

A program gets `HOST:PORT FEATURE...` and prints `feature NAME passed` or `feature NAME failed WHY`
a feature. The topic of a feature has its name, and exists already but for "topics".
"""

import os
from dataclasses import dataclass, field
from typing import Callable

import features
import fetch
from results import HERE

DEBIAN_NODE = "/usr/bin/node"
DEBIAN_PYTHON = "/usr/bin/python3"


@dataclass
class Suite:
    name: str
    short: str     # the column's head in the matrix
    title: str     # what it is, for the line below the matrix
    command: Callable[[], list]  # fetches or builds it, if need be, and says how to run it
    # Features that the client has no way to do, each with the reason.
    lacking: dict = field(default_factory=dict)
    # APIs of a feature where this client uses others than most.
    apis: dict = field(default_factory=dict)
    limit_s: int = 100


def here(*path):
    return os.path.join(HERE, *path)


def kafkajs():
    modules = fetch.node_modules("kafkajs", here("js", "kafkajs"))
    return ["env", f"COMPAT_MODULES={modules}", DEBIAN_NODE, here("js", "kafkajs", "features.js")]


# kafkajs reads in groups only.
KAFKAJS_READS = ("group", "seek-offset", "headers", "nulls", "large",
                 *(f"codec-{codec}" for codec in features.CODECS))
NO_ADMIN = "no administration"

SUITES = [
    Suite("kcat", "kcat", "kcat, Debian's",
          lambda: [DEBIAN_PYTHON, "-B", here("python", "kcat_features.py")],
          lacking=dict.fromkeys(("topics", "partitions", "delete-records", "configs", "groups"),
                                NO_ADMIN)),
    Suite("librdkafka", "librdkafka", "librdkafka 2.0, Debian's",
          lambda: [os.environ["COMPAT_LIBRDKAFKA"]], apis={"configs": (32, 33)}),
    Suite("kafka-python", "kafka-python", "kafka-python 2.0, Debian's",
          lambda: [DEBIAN_PYTHON, "-B", here("python", "kafka_python_features.py")],
          lacking={"idempotence": "no idempotent producer", "delete-records": "no such call"},
          apis={"configs": (32, 33)}),
    Suite("kafkajs", "kafkajs", "kafkajs 2.2.4", kafkajs,
          lacking={"consume": "reads in groups only"},
          apis={"configs": (32, 33),
                **{name: (0, 1, *features.GROUP) for name in KAFKAJS_READS}}),
]

BY_NAME = {suite.name: suite for suite in SUITES}
