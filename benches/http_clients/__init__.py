"""What a request costs in clients of HTTP, beside ferrio's own: `python -m benches.http_clients`."""
