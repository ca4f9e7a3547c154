"""Training guided by a judge: drop-ins for anybody's loop, and `segassay train ssl`."""
