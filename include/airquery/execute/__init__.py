"""Ask, politely and once: one loop thread, bounded, with retries; answers durable before used."""
