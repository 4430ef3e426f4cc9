"""Stand-ins for other packages' interfaces, so that what is written for them runs on this engine."""
