"""Tests of the text: README.md and docs/. `blocks` extracts, `session` and `checkout` run, the tests say what for."""
