-- Audits are complete (on request) or sampled (always, in rotation); both keep what they found.

ALTER TABLE audit ADD COLUMN scope code NOT NULL DEFAULT 'complete' CHECK (scope IN ('complete', 'sampled'));
ALTER TABLE audit ALTER COLUMN scope DROP DEFAULT;
