"""The applications that the servers serve. In a process of a server this folder itself is on the path."""
