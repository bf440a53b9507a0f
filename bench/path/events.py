"""What writers are fed with."""

import subprocess

import servers


class Events:
    """A file of NDJSON events."""

    def __init__(self, path, count):
        self.path, self.count = path, count


def generated(count):
    """Always the same ones, as scripts/generate-events makes them."""
    def write(out):
        subprocess.run([servers.ROOT / "scripts/generate-events", str(count)], stdout=out, check=True)
    return Events(servers.kept_file(f"events-{count}.ndjson", write), count)
