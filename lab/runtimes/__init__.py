"""The lab's runtimes: containers under Docker Compose, or processes on this machine."""
