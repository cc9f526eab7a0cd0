-- Quarantined records are told to the world too. Apply writes them from several instances at once, so no cursor
-- may follow them: each row says itself whether it has been published.

ALTER TABLE quarantine ADD COLUMN published_at timestamptz;

CREATE INDEX quarantine_unpublished ON quarantine (topic, partition, log_offset) WHERE published_at IS NULL;
