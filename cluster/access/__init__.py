"""How a cluster is reached: who we are there, TLS, proxies, signatures."""
