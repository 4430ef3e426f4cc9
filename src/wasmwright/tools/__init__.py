"""Reports on modules and transformations of them, one a file."""
