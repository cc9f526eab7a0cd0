"""The door of chiso: checks submissions and puts them on Kafka. Knows no database."""
