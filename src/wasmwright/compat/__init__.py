"""Stand-ins for other packages' interfaces: what is written for them runs on this engine."""
