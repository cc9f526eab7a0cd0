-- Several instances share one store, and each has a seeds folder of its own. The store knows which catalogue is in
-- force and keeps it whole (0010), so that all of them work with that one.

-- What was last found in each folder. A catalogue that was replaced comes back only where a folder changes to it,
-- not because an instance still has it.
CREATE TABLE seeds_folder (
    folder text PRIMARY KEY,
    catalogue_version text NOT NULL
);
