-- Several instances share one store, and each has a seeds folder of its own. The store knows which catalogue is in
-- force and holds it whole, so that all of them work with that one.

-- Every catalogue that ever came into force: its files as they stood in a folder.
CREATE TABLE catalogue (
    catalogue_version text PRIMARY KEY,
    first_in_force_at timestamptz NOT NULL,
    files jsonb NOT NULL
);

-- What was last found in each folder. A catalogue that was replaced comes back only where a folder changes to it,
-- not because an instance still has it.
CREATE TABLE seeds_folder (
    folder text PRIMARY KEY,
    catalogue_version text NOT NULL
);
