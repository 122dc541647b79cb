"""What runs a network: torch, OpenVINO, or several processes."""
