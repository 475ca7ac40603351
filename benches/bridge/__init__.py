"""What it costs to await Rust futures in Python and Python awaitables in Rust: ferrio-bridge beside another bridge."""
