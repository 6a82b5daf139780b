"""Where the lab runs: as containers under Docker Compose, or as processes of this machine."""
