"""Remember every paid answer: durable before anyone may use it."""
