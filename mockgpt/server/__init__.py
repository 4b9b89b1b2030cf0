"""What touches the network: the only place that imports aiohttp."""
