"""What the system tests share: programs as processes, clients, journals, ways to break things."""
