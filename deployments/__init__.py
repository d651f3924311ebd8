"""Where and when flows run: the command line, deployments, schedules and servers."""
