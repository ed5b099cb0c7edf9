/*
 * box/box_sql.c: the doors of box.sql.
 *
 * None of them passes the gate: they move sealed bytes and show of them what
 * anybody who holds them can read.
 */
#include "postgres.h"

#include "libpq/pqformat.h"
#include "utils/uuid.h"

#include "base/compat.h"
#include "box/box.h"

SECRETS_FUNCTION(secrets_ciphertext_in);
Datum
secrets_ciphertext_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(box_from_text(PG_GETARG_CSTRING(0)));
}

SECRETS_FUNCTION(secrets_ciphertext_out);
Datum
secrets_ciphertext_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(box_to_text(PG_GETARG_BYTEA_PP(0)));
}

SECRETS_FUNCTION(secrets_ciphertext_recv);
Datum
secrets_ciphertext_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int			len = message->len - message->cursor;

	PG_RETURN_POINTER(box_from_bytes(pq_getmsgbytes(message, len), len));
}

SECRETS_FUNCTION(secrets_ciphertext_send);
Datum
secrets_ciphertext_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(PG_GETARG_BYTEA_P_COPY(0));
}

SECRETS_FUNCTION(secrets_box_key);
Datum
secrets_box_key(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));
	BoxHeader	header;

	if (!box_read_header(PG_GETARG_DATUM(0), &header))
		PG_RETURN_NULL();
	memcpy(id->data, header.key_id, UUID_LEN);
	PG_RETURN_UUID_P(id);
}

SECRETS_FUNCTION(secrets_box_size);
Datum
secrets_box_size(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32((int32) box_plain_size(PG_GETARG_DATUM(0)));
}
