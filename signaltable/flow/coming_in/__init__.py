"""Who comes in, how they prove who they are, and how long that counts."""
