-- What tcpackd needs in a PostgreSQL database (11 or later) to record there: see "A journal in
-- PostgreSQL" in tcpackd(8). To be run once, by the database's owner or a superuser:
--
--   psql -d tcpack -f postgresql.sql
--
-- It may be run again: what exists stays.

BEGIN;

-- Logs in, inserts records, and cannot read what was recorded.
DO $$
BEGIN
    CREATE ROLE tcpackd LOGIN;
EXCEPTION
    WHEN duplicate_object THEN NULL;
END
$$;

CREATE SCHEMA IF NOT EXISTS tcpack;

-- One record for each message. SERVER and SEQ identify a record permanently. SEQ has gaps: numbers that
-- may or may not have been recorded are not used again.
--
-- A numbered message, `NAME NUMBER text`, has its NAME and NUMBER in id and number. Sent again, also
-- through another tcpackd, it is the same message if the digest is the same, too, and there is one
-- record of it.
CREATE TABLE IF NOT EXISTS tcpack.records (
    server   text        NOT NULL, -- the tcpackd that recorded it: its application_name
    seq      bigint      NOT NULL CHECK (seq > 0),
    time     timestamptz NOT NULL,
    peer     text        NOT NULL, -- ADDRESS:PORT, [ADDRESS]:PORT or unix
    listener text,                 -- NAME of [listener NAME]; NULL for [server]
    id       text,
    number   bigint,
    message  bytea       NOT NULL,
    digest   bytea GENERATED ALWAYS AS (CASE WHEN id IS NOT NULL THEN sha256(message) END) STORED,
    PRIMARY KEY (server, seq)
);

CREATE UNIQUE INDEX IF NOT EXISTS records_numbered ON tcpack.records (id, number, digest)
    WHERE id IS NOT NULL;

-- Small, and enough to find a span of time: records come in its order.
CREATE INDEX IF NOT EXISTS records_time ON tcpack.records USING brin (time);

-- A message as text; if it is not valid UTF-8 or has a NUL, with \ooo for such bytes.
CREATE OR REPLACE FUNCTION tcpack.text_of(message bytea) RETURNS text
    LANGUAGE plpgsql STABLE STRICT AS $$
BEGIN
    RETURN convert_from(message, 'UTF8');
EXCEPTION
    WHEN character_not_in_repertoire OR untranslatable_character THEN
        RETURN encode(message, 'escape');
END
$$;

-- A text as JSON; NULL if it is none.
CREATE OR REPLACE FUNCTION tcpack.json_of(message text) RETURNS jsonb
    LANGUAGE plpgsql STABLE STRICT AS $$
BEGIN
    RETURN message::jsonb;
EXCEPTION
    WHEN data_exception OR program_limit_exceeded OR statement_too_complex THEN
        RETURN NULL;
END
$$;

-- The records for people: the peer's address without its port, the message without its number as
-- text, and decoded if it is JSON.
CREATE OR REPLACE VIEW tcpack.messages AS
    SELECT server, seq, time, peer,
           substring(peer FROM '^\[?([^]%]+?)(?:%\d+)?\]?:\d+$')::inet AS address,
           listener, id, number, text, tcpack.json_of(text) AS json
    FROM tcpack.records,
         LATERAL (SELECT CASE WHEN id IS NULL THEN message
                              ELSE substring(message FROM length(id) + length(number::text) + 3)
                         END) AS cut (bytes),
         LATERAL (SELECT tcpack.text_of(bytes)) AS shown (text);

GRANT USAGE ON SCHEMA tcpack TO tcpackd;
GRANT INSERT ON tcpack.records TO tcpackd;
-- To go on with the numbers after a restart, and to recognize a message that was sent again.
GRANT SELECT (server, seq, id, number, digest) ON tcpack.records TO tcpackd;

COMMIT;
