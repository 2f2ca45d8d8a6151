"""The front ends: the web application and the `undercut` command."""
