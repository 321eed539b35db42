"""Benchmarks, and the endpoint they and the tests run against. Not part of the wheel."""
