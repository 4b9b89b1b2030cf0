"""The workloads, by the names that the command line knows them by."""

from workloads import growth, paced, starts, throughput

WORKLOADS = {
    "W1": throughput.chat,
    "W2": throughput.streams,
    "W3": paced.streams,
    "W4": throughput.embeddings,
    "W5": starts.cold,
    "W6": starts.fixtures,
    "W7": growth.growth,
}
