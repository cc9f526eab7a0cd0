"""What every service runs on: Kafka, PostgreSQL, HTTP, lifecycle, metrics. Knows no indicator, no alert."""
