"""Where things are in a checkout, and where the lab keeps what it makes."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".lab"
VENV = STATE / "venv"
LOGS = STATE / "logs"
CA_FILE = STATE / "tls" / "ca.crt"
