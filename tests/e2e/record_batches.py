"""Reads the record batches of a segment file: what the server stored, as it lies on the disk."""

import struct
from collections import namedtuple

# Kafka's RecordBatch v2, up to the record count.
HEADER = struct.Struct(">qiibIhiqqqhii")
CODECS = {0: "none", 1: "gzip", 2: "snappy", 3: "lz4", 4: "zstd"}

Batch = namedtuple("Batch", "base_offset epoch codec last_offset records size_bytes producer_id")


def read_batches(path):
    """The batches of a segment up to its end, or to the zeros beyond its last batch."""
    with open(path, "rb") as file:
        data = file.read()
    batches, at = [], 0
    while at + HEADER.size <= len(data):
        (base, length, epoch, magic, _, attributes, delta, _, _, producer, _, _,
         records) = HEADER.unpack_from(data, at)
        if length == 0:
            break
        if magic != 2 or at + 12 + length > len(data):
            raise AssertionError(f"{path}: no whole batch at {at}")
        batches.append(Batch(base, epoch, CODECS[attributes & 7], base + delta, records,
                             12 + length, producer))
        at += 12 + length
    return batches
