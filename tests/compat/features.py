"""What every client is asked to do, and the APIs that the server needs for it."""

from collections import namedtuple

# APIs by their keys in the protocol. `partitions` is how many the topic has that the runner makes
# under the feature's name; 0: the client makes its own.
Feature = namedtuple("Feature", "name title apis partitions")

GROUP = (8, 9, 10, 11, 12, 13, 14)
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")

FEATURES = [
    Feature("produce", "produce", (0, 3), 2),
    Feature("consume", "consume", (1, 2, 3), 2),
    Feature("group", "group", GROUP, 2),
    Feature("seek-offset", "seek by offset", (1, 2), 1),
    Feature("seek-time", "seek by time", (1, 2), 1),
    *(Feature(f"codec-{codec}", f"codec {codec}", (0, 1), 1) for codec in CODECS),
    Feature("headers", "headers", (0, 1), 1),
    Feature("nulls", "nulls", (0, 1), 1),
    Feature("large", "5 MiB", (0, 1), 1),
    Feature("idempotence", "idempotent", (0, 22), 1),
    Feature("topics", "topics", (3, 19, 20), 0),
    Feature("partitions", "add partitions", (37,), 2),
    Feature("delete-records", "delete records", (21,), 1),
    Feature("configs", "configs", (32, 44), 1),
    Feature("groups", "list groups", (*GROUP, 15, 16), 1),
]

BY_NAME = {feature.name: feature for feature in FEATURES}
