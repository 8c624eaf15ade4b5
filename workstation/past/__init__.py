"""The past of a desk: its journal by sessions, and the desk as it stood at any moment of one."""
