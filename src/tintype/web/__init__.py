"""The page and the HTTP API: `tintype serve`. Everything stays in memory, on this machine."""
