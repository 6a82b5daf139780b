"""The runtimes of the lab: containers under Docker Compose, or processes on this machine."""
