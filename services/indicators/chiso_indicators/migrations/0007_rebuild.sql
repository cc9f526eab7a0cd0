-- A rebuild writes its dirty rows apart, so that what ticks make of them can be marked as rebuilt.

ALTER TABLE dirty DROP CONSTRAINT dirty_kind_check;
ALTER TABLE dirty ADD CONSTRAINT dirty_kind_check CHECK (kind IN ('cells', 'reference', 'rebuild'));

-- The schema of a generation: the named tables empty and of its own, every other relation a view of the live one.
CREATE FUNCTION make_generation(own text[]) RETURNS void LANGUAGE plpgsql
    SET search_path = indicators, pg_catalog AS $$
DECLARE
    relation record;
BEGIN
    DROP SCHEMA IF EXISTS indicators_rebuild CASCADE;
    CREATE SCHEMA indicators_rebuild;
    FOR relation IN
        SELECT found.relname AS name FROM pg_class AS found
        WHERE found.relnamespace = 'indicators'::regnamespace AND found.relkind IN ('r', 'p')
            AND NOT found.relispartition
    LOOP
        IF relation.name = ANY (own) THEN
            EXECUTE format('CREATE TABLE indicators_rebuild.%1$I (LIKE indicators.%1$I INCLUDING ALL)', relation.name);
        ELSE
            EXECUTE format('CREATE VIEW indicators_rebuild.%1$I AS SELECT * FROM indicators.%1$I', relation.name);
        END IF;
    END LOOP;
END $$;
