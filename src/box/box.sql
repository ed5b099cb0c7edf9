-- box: the type that everything sealed is stored in.  Its input and output move
-- bytes and open nothing.
CREATE TYPE secrets.ciphertext;

CREATE FUNCTION secrets_catalog.ciphertext_in(cstring) RETURNS secrets.ciphertext
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'secrets_ciphertext_in';
CREATE FUNCTION secrets_catalog.ciphertext_out(secrets.ciphertext) RETURNS cstring
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'secrets_ciphertext_out';
CREATE FUNCTION secrets_catalog.ciphertext_recv(internal) RETURNS secrets.ciphertext
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'secrets_ciphertext_recv';
CREATE FUNCTION secrets_catalog.ciphertext_send(secrets.ciphertext) RETURNS bytea
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'secrets_ciphertext_send';

-- EXTERNAL: what is sealed does not compress, and its header is read by slices.
CREATE TYPE secrets.ciphertext (
	INPUT = secrets_catalog.ciphertext_in,
	OUTPUT = secrets_catalog.ciphertext_out,
	RECEIVE = secrets_catalog.ciphertext_recv,
	SEND = secrets_catalog.ciphertext_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = int4,
	STORAGE = external
);
COMMENT ON TYPE secrets.ciphertext IS 'a sealed box: can be stored, dumped and copied; only a key opens it';

-- What the header shows without a key.
CREATE FUNCTION secrets_catalog.box_key(box secrets.ciphertext) RETURNS pg_catalog.uuid
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'secrets_box_key';
COMMENT ON FUNCTION secrets_catalog.box_key(secrets.ciphertext) IS 'id of the key that opens the box';
CREATE FUNCTION secrets_catalog.box_size(box secrets.ciphertext) RETURNS pg_catalog.int4
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'secrets_box_size';
COMMENT ON FUNCTION secrets_catalog.box_size(secrets.ciphertext) IS 'bytes of plaintext in the box';
